"""Records of tasks, read from a listing of what nodes left: they may leave anything."""

import pytest

from activities.storage import system_account
from activities.task_records import find_task_logs
from contracts import layout
from contracts.task_record import RECORD_METADATA_KEY
from tests.activities.stories import record

pytestmark = pytest.mark.usefixtures("fit_accounts")


def leave(job: str, task: str, run: int, said: str | None) -> None:
    logs = system_account().container(layout.LOGS)
    logs.upload_blob(layout.log_blob(job, task, run), b"log")
    metadata = {} if said is None else {RECORD_METADATA_KEY: said}
    logs.upload_blob(layout.timings_blob(job, task, run), b"{}", metadata=metadata)


def test_each_run_and_attempt_is_one_entry_with_what_it_said() -> None:
    told = record("c00000-a1", 1, device="H200, 139 GiB, “fast”")
    leave("job-a", "c00000-a1", 1, told.to_json())
    leave("job-a", "c00000-a1", 2, None)
    leave("job-ab", "c00000-a1", 1, None)  # another job, whose name begins alike
    system_account().container(layout.LOGS).upload_blob("job-a/c00001-a1-r1.log", b"lost")
    system_account().container(layout.LOGS).upload_blob("job-a/summary-r1.csv", b"")
    found = list(find_task_logs("job-a"))
    assert [(log.run, log.task, log.log_bytes, log.timings_bytes) for log in found] == [
        (1, "c00000-a1", 3, 2),
        (2, "c00000-a1", 3, 2),
        (1, "c00001-a1", 4, None),
    ]
    assert [log.record for log in found] == [told, None, None]


@pytest.mark.parametrize(
    "said",
    [
        "no json",
        "{}",
        record("c00009-a1", 1).to_json(),  # of another task
        record("c00000-a1", 1).to_json().replace('"began":105.0', '"began":1e99'),
        record("c00000-a1", 1).to_json().replace('"stage":"decode"', '"stage":"<script>"'),
    ],
)
def test_what_is_no_record_is_told_and_left_out(said: str, caplog: pytest.LogCaptureFixture) -> None:
    job = f"bad-{abs(hash(said))}"
    leave(job, "c00000-a1", 1, said)
    [found] = find_task_logs(job)
    assert found.record is None
    assert f"{job}/c00000-a1-r1.timings.json" in caplog.text
