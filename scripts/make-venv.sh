#!/bin/sh
# Makes .venv unless one of Python 3.13 is there and works.
set -eu
if [ -x .venv/bin/python ] && .venv/bin/python -c 'import pip, sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null
then
    exit 0
fi
python=$(sh scripts/find-python.sh)
echo "Making .venv with $python" >&2
"$python" -m venv --clear .venv
