"""What of the node's environment a task keeps: an allow-list, so that a secret nobody thought of is dropped too.

A task decodes files of strangers with native code. Where such code is taken over, what it finds is what the process
holds; so the process gives up, before anything else is imported, whatever the task has no use for: the token that Batch
may hand out (AZ_BATCH_AUTHENTICATION_TOKEN), addresses and keys of identities (IDENTITY_*, MSI_*, AZURE_*), connection
strings left in an image.

Deleting a variable does not take it out of the process: Linux shows the environment a program was started with in
/proc/<pid>/environ, to itself and to its user's other processes, for as long as it runs. Therefore the program starts
itself anew (exec: same process id, same arguments, some 20 ms) with what is allowed and nothing else. The URL of the
spec passes through, since the task is nothing without it; it leaves `os.environ` once it is read.

Imports nothing but the standard library.
"""

import os
import sys
from collections.abc import Mapping, MutableMapping
from typing import NoReturn

_NAMES = frozenset(
    {
        # A process's own.
        *("PATH", "HOME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TMP", "TEMP", "USER", "LOGNAME", "XDG_CACHE_HOME"),
        # Where the image keeps libraries and certificates, and the way to storage where a network has a proxy.
        *("LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
        # Which task this is. Batch's account, its URL and its token are not among them.
        *("AZ_BATCH_JOB_ID", "AZ_BATCH_TASK_ID", "AZ_BATCH_TASK_DIR", "AZ_BATCH_TASK_WORKING_DIR"),
        *("AZ_BATCH_NODE_ID", "AZ_BATCH_POOL_ID", "AZ_BATCH_NODE_SHARED_DIR"),
        *("ATELIER_TASK_SPEC_URL", "ATELIER_FEATURES", "ATELIER_COMPILED"),
    }
)
_PREFIXES = (
    "LC_",
    "PYTHON",
    *("CUDA_", "NVIDIA_", "CUDNN_", "NCCL_"),
    *("OMP_", "KMP_", "GOMP_", "MKL_", "OPENBLAS_"),
    *("TORCH_", "TORCHINDUCTOR_", "PYTORCH_", "TRITON_"),
)
# Set for a worker process by its parent: which of the machine's GPUs is its own.
DEVICE_INDEX_VARIABLE = "ATELIER_DEVICE_INDEX"
# Set for the second start, so that what a platform adds to every process cannot make it start for ever.
_STARTED_CLEAN = "ATELIER_ENVIRONMENT_IS_CLEAN"


def allowed(environment: Mapping[str, str]) -> dict[str, str]:
    """The part of `environment` that a task keeps."""
    return {name: value for name, value in environment.items() if name in _NAMES or name.startswith(_PREFIXES)}


def drop_the_rest(environment: MutableMapping[str, str] = os.environ) -> None:
    """Keep what is allowed; a process that was started with more than that starts anew, and this does not return."""
    kept = allowed(environment)
    if _STARTED_CLEAN not in environment and len(kept) < len(environment):
        _start_anew(kept)
    for name in environment.keys() - kept.keys():
        del environment[name]


def _start_anew(environment: Mapping[str, str]) -> NoReturn:
    arguments = [sys.executable, *sys.orig_argv[1:]]
    os.execve(sys.executable, arguments, {**environment, _STARTED_CLEAN: "1"})
