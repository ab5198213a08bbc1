"""One task, told by the SAS URL in ATELIER_TASK_SPEC_URL: read, done, recorded, reported."""

import logging
import os
import tempfile
from pathlib import Path

from azure.core.exceptions import AzureError
from pydantic import ValidationError

from contracts.task_spec import SPEC_URL_VARIABLE, AnySpec, task_spec_adapter
from gpu_task import blobs, report, task
from gpu_task.log import start_log
from gpu_task.timings import Timings

log = logging.getLogger("gpu_task")

SUCCEEDED, FAILED, NO_SPEC, NOT_REPORTED = 0, 1, 2, 3
# Most specs hold a window of a video's index and a few URLs: some kilobytes. That of a stitch names every segment, each
# with a SAS of its own: 14 MB for 20,000 of them; and the time of every frame, 9 MB for a million at a changing rate.
MAX_SPEC_BYTES = 32 * 1024 * 1024
# Batch gives each task a folder on the node's disk.
WORKING_FOLDER_VARIABLE = "AZ_BATCH_TASK_WORKING_DIR"


def run_task(began: float) -> int:
    """The exit code of gpu_task/__main__.py; `began` is a `time.perf_counter()` reading."""
    with tempfile.TemporaryDirectory(prefix="atelier-", dir=os.environ.get(WORKING_FOLDER_VARIABLE)) as name:
        folder = Path(name)
        log_file = folder / "task.log"
        handler = start_log(log_file)
        spec = _read_spec()
        if spec is None:
            return NO_SPEC
        timings = Timings(began)
        timings.queued(spec.identity.submitted_at)
        result = task.run(spec, folder, timings)
        handler.flush()
        task.leave_records(spec, result, timings, log_file)
        try:
            report.send(spec.to.results_queue, result)
        except AzureError:
            log.exception("the result (%s) could not be reported", result.outcome)
            return NOT_REPORTED
        return SUCCEEDED if result.outcome == "succeeded" else FAILED


def _read_spec() -> AnySpec | None:
    """The task's spec, or None with the reason logged. Its URL leaves the environment: child processes have no use
    for it, and a dump of the environment would give it away."""
    url = os.environ.pop(SPEC_URL_VARIABLE, None)
    if not url:
        log.error("%s is not set: it must hold the SAS URL of the task's spec", SPEC_URL_VARIABLE)
        return None
    try:
        return task_spec_adapter.validate_json(blobs.download(url, MAX_SPEC_BYTES))
    except (AzureError, blobs.BlobError) as error:
        log.error("the task's spec %s could not be read: %s", blobs.label(url), error)
    except ValidationError as error:
        # include_input would print the spec's URLs.
        log.error("the task's spec %s is not valid: %s", blobs.label(url), error.errors(include_input=False))
    return None
