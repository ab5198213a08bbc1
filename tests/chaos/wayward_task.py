"""The command of every task on the chaos stack: `python -m gpu_task`, unless an order for this task says otherwise.

An order is a file `<batch job>.<fault>.json` in the folder of ATELIER_CHAOS_ORDERS: {"fault": name, "tasks": regular
expression over task ids}. Faults:

    hang            does nothing, for ever
    lie             reports success without having written a segment
    disk-full       runs the real task in a working folder on a full disk

Each that was committed leaves a file `<batch job>.<task>.<fault>` beside the order: proof that it happened, and how.
"""

import ctypes
import json
import os
import re
import resource
import signal
import sys
from pathlib import Path
from typing import NoReturn

ORDERS_VARIABLE = "ATELIER_CHAOS_ORDERS"
# One page of it is free, and the task's log takes that: no segment fits.
_DISK_BYTES, _FREE_BYTES = 8192, 4096
_MOST_BYTES = 1024  # of a file, less than the header of a segment


def main() -> None:
    folder = Path(os.environ[ORDERS_VARIABLE])
    job, task = os.environ["AZ_BATCH_JOB_ID"], os.environ["AZ_BATCH_TASK_ID"]
    for path in sorted(folder.glob(f"{job}.*.json")):  # two faults may be ordered for one job: the first is done
        order = json.loads(path.read_text())
        if re.fullmatch(order["tasks"], task):
            how = {"hang": _hang, "lie": _lie, "disk-full": _fill_disk}[order["fault"]]
            how(folder / f"{job}.{task}.{order['fault']}")
            break
    _run()


def _run() -> NoReturn:
    os.execv(sys.executable, [sys.executable, "-m", "gpu_task"])


def _hang(proof: Path) -> NoReturn:
    proof.write_text("hung")
    while True:
        signal.pause()


def _lie(proof: Path) -> NoReturn:
    """Posts a success for a segment that is nowhere, with the spec's own SAS."""
    from contracts.messages import GpuResult
    from contracts.task_spec import SPEC_URL_VARIABLE, ScoreSpec, task_spec_adapter
    from gpu_task import blobs, report

    spec = task_spec_adapter.validate_json(blobs.download(os.environ[SPEC_URL_VARIABLE], 1 << 22))
    assert isinstance(spec, ScoreSpec)
    result = GpuResult(
        **spec.identity.about(),
        outcome="succeeded",
        frames=((spec.first, spec.last),),
        output_sha256="0" * 64,
        output_bytes=4096,
    )
    report.send(spec.to.results_queue, result)
    proof.write_text("lied")
    sys.exit(0)


def _fill_disk(proof: Path) -> None:
    """A disk of two pages over the working folder, seen by this process alone; where that may not be mounted, a limit
    on the size of files stands in for it."""
    working = os.environ["AZ_BATCH_TASK_WORKING_DIR"]
    try:
        os.unshare(os.CLONE_NEWNS if os.geteuid() == 0 else os.CLONE_NEWNS | os.CLONE_NEWUSER)
        libc = ctypes.CDLL(None, use_errno=True)
        _checked(libc.mount(b"none", b"/", None, 0x44000, None))  # MS_REC | MS_PRIVATE: nothing of it gets out
        _checked(libc.mount(b"tmpfs", working.encode(), b"tmpfs", 0, f"size={_DISK_BYTES}".encode()))
        os.chdir(working)  # the folder as it was lies below the disk
        Path("full").write_bytes(bytes(_DISK_BYTES - _FREE_BYTES))
        proof.write_text("tmpfs")
    except OSError:
        proof.write_text("RLIMIT_FSIZE")
        resource.setrlimit(resource.RLIMIT_FSIZE, (_MOST_BYTES, _MOST_BYTES))


def _checked(returned: int) -> None:
    if returned != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


if __name__ == "__main__":
    main()
