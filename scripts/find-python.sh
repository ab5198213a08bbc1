#!/bin/sh
# Prints the path of a Python 3.13 that can run the project, or says on stderr how to get one and exits 1.
# Looked for in this order: $PYTHON, the PATH, pyenv, uv (which may fetch one).
set -u

# 3.13 and no other: it is the version the deployed Function App runs. The modules named here are those that a
# Python built without its development libraries lacks. _base_executable: the interpreter behind a virtual environment.
check='
import sys
if sys.version_info[:2] != (3, 13): sys.exit(1)
import ctypes, ensurepip, lzma, sqlite3, ssl, venv
print(sys._base_executable)
'

try() {
    command -v "$1" >/dev/null 2>&1 || return 1
    found=$("$1" -c "$check" 2>/dev/null) || return 1
    printf '%s\n' "$found"
    exit 0
}

if [ -n "${PYTHON:-}" ]; then
    try "$PYTHON"
    echo "PYTHON=$PYTHON is not a complete Python 3.13 (with venv, ssl and sqlite3)." >&2
    exit 1
fi

try python3.13
try python3

# Where pyenv keeps them, whether or not this shell has pyenv set up.
for candidate in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.13*/bin/python; do
    try "$candidate"
done

if command -v uv >/dev/null 2>&1; then
    uv python install --quiet 3.13 >&2 && try "$(uv python find 3.13)"
fi

cat >&2 <<'HELP'
Atelier needs Python 3.13 (with venv, ssl and sqlite3) and none was found. Any one of these gives it:
    uv:      curl -LsSf https://astral.sh/uv/install.sh | sh       (then run make again: it asks uv for 3.13)
    pyenv:   pyenv install 3.13
    macOS:   brew install python@3.13
    Ubuntu:  sudo add-apt-repository ppa:deadsnakes/ppa && sudo apt install python3.13 python3.13-venv
If you have one elsewhere: make PYTHON=/path/to/python3.13 setup
HELP
exit 1
