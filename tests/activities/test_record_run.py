"""A run that is over is written down, once."""

from typing import Any

import pytest
from azure.core.exceptions import ServiceRequestError

from activities import record_run as recording
from activities import run_story
from activities.end_run import mark_ended
from activities.record_run import record_run
from activities.storage import system_account
from contracts import layout
from contracts.steps import EndInput, RunRef
from contracts.task_record import RECORD_METADATA_KEY
from telemetry import metrics
from tests.activities.stories import record
from tests.job_services import job_of

pytestmark = pytest.mark.usefixtures("fit_accounts")


class NoHistory:
    """A task hub whose history of the job was purged."""

    def get_orchestration_state(self, instance: str) -> None:
        return None


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, float, dict[str, str]]]:
    """Metrics that were recorded; Batch cannot be reached."""
    found: list[tuple[str, float, dict[str, str]]] = []
    monkeypatch.setattr(metrics, "record", lambda name, value, **about: found.append((name, value, about)))

    def unreachable(_: str) -> Any:
        raise ServiceRequestError("no route to host")

    monkeypatch.setattr(run_story, "batch_times", unreachable)
    return found


def write_down(run: RunRef) -> int | None:
    client: Any = NoHistory()
    return record_run(run, client).tasks


def test_once_it_is_over_and_never_twice(
    request: pytest.FixtureRequest,
    recorded: list[tuple[str, float, dict[str, str]]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    run = RunRef(job=job_of(request), run=1)
    assert write_down(run) is None, "it goes on"

    mark_ended(EndInput(job=run.job, run=1, outcome="failed", reason="chunk 0 failed"))
    for attempt, outcome in ((1, "failed"), (2, "succeeded")):
        said = record(f"c00000-a{attempt}", attempt, outcome).to_json()
        blob = layout.timings_blob(run.job, f"c00000-a{attempt}", 1)
        system_account().container(layout.LOGS).upload_blob(blob, b"{}", metadata={RECORD_METADATA_KEY: said})
    assert write_down(run) == 2
    assert write_down(run) is None

    values = {name: (value, about) for name, value, about in recorded}
    assert values["atelier.jobs"] == (1, {"outcome": "failed", "scorer": "unknown"})
    assert values["atelier.task.retries"] == (1, {"kind": "score"})
    assert values["atelier.frames.scored"] == (5, {"scorer": "unknown"})
    assert [name for name, _, _ in recorded].count("atelier.jobs") == 1
    assert "Batch does not tell of the tasks" in caplog.text
    summary = system_account().container(layout.LOGS).download_blob(layout.summary_blob(run.job, 1)).readall()
    assert summary.count(b"\n") == 3
    assert recording.find_ended(run) is not None


def test_a_failed_job_is_an_error_in_the_log_once_and_without_secrets(
    request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    end = EndInput(job=job_of(request), run=1, outcome="failed", reason="GET https://x/y?sig=c2VjcmV0 failed")
    with caplog.at_level("INFO"):
        mark_ended(end)
        mark_ended(end)
    said = [entry for entry in caplog.records if entry.name == "activities.end_run"]
    assert [(entry.levelname, entry.getMessage()) for entry in said] == [
        ("ERROR", f"job {end.job} failed: GET https://x/y?sig=REDACTED failed")
    ]
