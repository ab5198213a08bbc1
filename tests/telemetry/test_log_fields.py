"""Log records say what they are about."""

import json
import logging
from concurrent.futures import ThreadPoolExecutor

import pytest

from contracts.steps import RunRef
from local.logs import JsonLines
from telemetry import log_fields
from telemetry.log_fields import about

log = logging.getLogger("somebody.else")
TASK = {"job": "clip-0123", "run": 2, "chunk": None, "task": "fit-a1"}


class Task:
    job, run, chunk, task = "clip-0123", 2, None, "fit-a1"


@pytest.fixture(autouse=True)
def restored_factory() -> object:
    before = logging.getLogRecordFactory()
    log_fields.install()
    log_fields.install()
    yield
    logging.setLogRecordFactory(before)


def test_every_record_of_the_block_has_the_fields_and_none_outside(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        log.info("before")
        with about(Task()):
            log.info("within")
            with about(RunRef(job="other", run=1)):
                log.info("deeper")
        log.info("after")
    fields = [{name: vars(r)[name] for name in log_fields.FIELDS if name in vars(r)} for r in caplog.records]
    assert fields == [{}, {"job": "clip-0123", "run": 2, "task": "fit-a1"}, {"job": "other", "run": 1}, {}]


def test_a_thread_that_serves_another_job_has_none_of_them(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"), ThreadPoolExecutor(1) as pool, about(Task()):
        pool.submit(log.info, "elsewhere").result()
    assert not hasattr(caplog.records[0], "job")


def test_json_lines_keep_them(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"), about(Task()):
        log.info("scored %d frames", 3)
    line = json.loads(JsonLines().format(caplog.records[0]))
    assert line.pop("time").endswith("+00:00")
    said = {"level": "INFO", "logger": "somebody.else", "message": "scored 3 frames"}
    assert line == said | {"job": "clip-0123", "run": 2, "task": "fit-a1"}
