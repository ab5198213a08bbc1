"""What a caller is shown of a job, whatever its workflow could still say."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from durabletask.client import OrchestrationState, OrchestrationStatus

from activities import storage
from contracts import layout
from contracts.status import JobStatus
from contracts.steps import RunEnd
from tests.azurite import Azurite
from tests.job_services import job_of, services, start_of

pytestmark = pytest.mark.timeout(60)

TERMINATED, FAILED = OrchestrationStatus.TERMINATED, OrchestrationStatus.FAILED
SPENT = RunEnd(outcome="cancelled", reason="by its user", seconds=20.0, cost=1.5)


@pytest.fixture(scope="module", autouse=True)
def service(azurite: Azurite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch, services(azurite, tmp_path_factory.mktemp("batch"), patch):
        yield


def shown(job: str, status: OrchestrationStatus, said: JobStatus | None) -> dict[str, Any]:
    from triggers.job_view import view

    time = datetime(2026, 1, 31, 12)
    custom = json.dumps(said.model_dump(mode="json")) if said else None
    state = OrchestrationState(
        job, "score_video", status, time, time, start_of(job).model_dump_json(), '"an output"', custom, None
    )
    return view(state)


def scoring(**changes: Any) -> JobStatus:
    return JobStatus(phase="scoring", video="x.mp4", frames=60, frames_done=20, seconds_left=9.0, cost=0.5, **changes)


@pytest.fixture
def job(request: pytest.FixtureRequest) -> str:
    return job_of(request)


def end(job: str, ended: RunEnd) -> None:
    storage.system_account().write_json(layout.JOBS, layout.ended_blob(job, 1), ended)


def test_a_running_job_is_shown_as_its_workflow_says(job: str) -> None:
    body = shown(job, OrchestrationStatus.RUNNING, scoring())
    assert body["customStatus"] == scoring().model_dump(mode="json")
    assert (body["job"], body["runtimeStatus"], body["createdTime"]) == (job, "Running", "2026-01-31T12:00:00Z")


def test_a_cancelled_job_is_shown_with_what_was_spent_and_why(job: str) -> None:
    end(job, SPENT)
    body = shown(job, TERMINATED, scoring())
    assert body["runtimeStatus"] == "Terminated"
    status = JobStatus.model_validate(body["customStatus"])
    assert (status.phase, status.cost, status.reason) == ("cancelled", 1.5, "by its user")
    assert (status.frames_done, status.seconds_left) == (20, None)


def test_a_job_terminated_a_moment_ago_is_cancelled_at_its_last_known_cost(job: str) -> None:
    status = shown(job, TERMINATED, scoring())["customStatus"]
    assert (status["phase"], status["cost"]) == ("cancelled", 0.5)


def test_a_job_terminated_before_its_workflow_began_names_its_video(job: str) -> None:
    end(job, SPENT)
    status = JobStatus.model_validate(shown(job, TERMINATED, None)["customStatus"])
    assert (status.phase, status.video, status.cost) == ("cancelled", f"x/{job}.mp4", 1.5)


def test_a_failure_is_a_cancellation_where_that_came_first(job: str) -> None:
    failed = scoring(reason="the run was ended").model_copy(update={"phase": "failed"})
    assert shown(job, FAILED, failed)["customStatus"]["phase"] == "failed"
    end(job, SPENT)
    assert (
        shown(job, FAILED, failed)["customStatus"] | {"phase": "cancelled", "reason": "by its user"}
        == shown(job, FAILED, failed)["customStatus"]
    )
