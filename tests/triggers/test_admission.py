"""How many jobs one uploader may have under way, counted in a real Azurite."""

import dataclasses
from datetime import timedelta
from types import SimpleNamespace

import azure.functions as func
import pytest
from durabletask.client import OrchestrationStatus

from activities import settings as app_settings
from activities.storage import Account
from contracts import layout
from contracts.job import JobRequest, StartInput
from tests.triggers.conftest import RecordingClient
from triggers import admission
from triggers.admission import admit, uploader_of_request, uploader_of_upload
from triggers.bad_request import TooManyJobs

RUNNING = SimpleNamespace(runtime_status=OrchestrationStatus.RUNNING)
FAILED = SimpleNamespace(runtime_status=OrchestrationStatus.FAILED)


@pytest.fixture(autouse=True)
def two_at_once(accounts: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    limit_to(monkeypatch, 2)


def limit_to(monkeypatch: pytest.MonkeyPatch, jobs: int) -> None:
    known = dataclasses.replace(app_settings.settings(), max_concurrent_jobs=jobs)
    monkeypatch.setattr(admission, "settings", lambda: known)


def job(number: int, uploader: str = "ada") -> StartInput:
    request = JobRequest(video=f"v{number}.mp4", scorer="identity")
    return StartInput(job=f"job-{number}", request=request, video_etag="e", video_bytes=1, uploader=uploader)


def begin(client: RecordingClient, *jobs: StartInput) -> None:
    for pinned in jobs:
        admit(client, pinned)
        client.states[pinned.job] = RUNNING


def markers(accounts: Account) -> list[str]:
    return sorted(accounts.container(layout.JOBS).list_blob_names(name_starts_with="active/"))


def test_one_job_too_many_is_refused_with_value_limit_and_remedy_and_leaves_no_marker(
    accounts: Account, client: RecordingClient
) -> None:
    begin(client, job(1), job(2))
    with pytest.raises(TooManyJobs) as caught:
        admit(client, job(3))
    [error] = caught.value.errors
    assert caught.value.status == 429
    assert error["value"] == "job number 3 at once"
    assert "limit of 2 jobs under way (MAX_CONCURRENT_JOBS)" in str(error["problem"])
    assert "wait for one to finish or cancel one" in str(error["problem"])
    assert markers(accounts) == ["active/ada/job-1", "active/ada/job-2"]


def test_another_uploader_has_a_count_of_its_own(client: RecordingClient) -> None:
    begin(client, job(1), job(2), job(3, "bob"), job(4, "bob"))


def test_a_job_that_has_ended_makes_room(accounts: Account, client: RecordingClient) -> None:
    begin(client, job(1), job(2))
    accounts.container(layout.JOBS).delete_blob(layout.active_blob("ada", "job-1"))  # as end_run does
    begin(client, job(3))


def test_a_job_counts_once_however_often_it_is_started(client: RecordingClient) -> None:
    begin(client, job(1), job(2), job(2), job(1))


def test_the_leftovers_of_jobs_that_are_over_or_unknown_do_not_count(
    accounts: Account, client: RecordingClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "LEFTOVER_AFTER", timedelta(seconds=-60))
    begin(client, job(1), job(2))
    client.states = {"job-1": FAILED}
    begin(client, job(3))
    assert markers(accounts) == ["active/ada/job-3"]


def test_a_marker_of_a_moment_ago_counts_though_its_job_is_not_there_yet(client: RecordingClient) -> None:
    begin(client, job(1), job(2))
    client.states.clear()
    with pytest.raises(TooManyJobs):
        admit(client, job(3))


def test_the_very_job_that_the_other_door_has_started_meanwhile_is_not_refused(
    accounts: Account, client: RecordingClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(client, job(1), job(2))
    limit_to(monkeypatch, 1)
    admit(client, job(2))
    assert "active/ada/job-2" in markers(accounts)


def test_without_a_limit_nothing_is_counted(
    accounts: Account, client: RecordingClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit_to(monkeypatch, 0)
    begin(client, *(job(n) for n in range(5)))
    assert markers(accounts) == []


def request(headers: dict[str, str] | None = None, **params: str) -> func.HttpRequest:
    return func.HttpRequest(method="POST", url="/", body=b"", headers=headers or {}, params=params)


def test_a_poster_is_known_by_its_key_which_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WEBSITE_AUTH_ENABLED", raising=False)
    by_header, by_query = (
        uploader_of_request(request({"x-functions-key": "k1"})),
        uploader_of_request(request(code="k1")),
    )
    nobody = uploader_of_request(request())
    assert by_header == by_query
    assert len({by_header, nobody, uploader_of_request(request(code="k2"))}) == 3
    assert len(by_header) == 16
    assert "k1" not in by_header
    forged = uploader_of_request(request({"x-ms-client-principal-id": "eve", "x-functions-key": "k1"}))
    assert forged == by_header  # without App Service authentication anyone can send that header


def test_a_poster_is_known_by_who_it_is_where_app_service_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBSITE_AUTH_ENABLED", "True")
    ada, bob = (request({"x-ms-client-principal-id": name, "x-functions-key": "k1"}) for name in ("ada", "bob"))
    assert uploader_of_request(ada) != uploader_of_request(bob)


def test_an_upload_is_counted_for_whom_it_names() -> None:
    assert uploader_of_upload({"atelier_uploader": "ada"}) != uploader_of_upload({})
    assert uploader_of_upload({}) == uploader_of_upload({"other": "x"})
