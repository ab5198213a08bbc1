#!/bin/sh
# Start task of a pool without containers: Python 3.13, a compiler and what a GPU task imports, once for a node. As root,
# into a folder that tasks cannot write: what one of them is made to do shall not reach the next.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
prefix=${ATELIER_PREFIX:-/opt/atelier}
# What is installed is what these two ask for; a node that is rebooted, or gets a new package, finds out here.
wanted=$(cat "$here/requirements.txt" "$here/constraints.txt" | sha256sum | cut -d ' ' -f 1)
if [ -f "$prefix/installed" ] && [ "$(cat "$prefix/installed")" = "$wanted" ]; then
    exit 0
fi
mkdir -p "$prefix"
rm -rf "$prefix/venv" "$prefix/installed"
if ! command -v g++ >/dev/null; then
    apt-get update -qq && apt-get install -y -qq --no-install-recommends g++
fi
# Ubuntu 24.04 has Python 3.12. uv comes from PyPI and fetches another.
if ! python=$(command -v python3.13); then
    apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv
    python3 -m venv "$prefix/uv"
    "$prefix/uv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input uv==0.13.9
    "$prefix/uv/bin/uv" python install --quiet --install-dir "$prefix/python" 3.13
    python=$(echo "$prefix"/python/*/bin/python3.13)
fi
"$python" -m venv "$prefix/venv"
"$prefix/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --no-cache-dir \
    ${PIP_EXTRA_INDEX_URL:+--extra-index-url "$PIP_EXTRA_INDEX_URL"} \
    -r "$here/requirements.txt" -c "$here/constraints.txt"
chmod -R go-w,a+rX "$prefix"
printf '%s' "$wanted" > "$prefix/installed"
