#!/bin/sh
# A GPU task of a pool without containers. Batch runs no shell, so its command line is
#   /bin/sh -c 'exec /bin/sh "$AZ_BATCH_APP_PACKAGE_gpu_task/run.sh"'
set -eu
here=$(cd "$(dirname "$0")" && pwd)
export PYTHONPATH="$here" PYTHONUNBUFFERED=1
if [ -d "$here/features" ]; then
    export ATELIER_FEATURES="$here/features"
fi
exec "${ATELIER_PREFIX:-/opt/atelier}/venv/bin/python" -m gpu_task "$@"
