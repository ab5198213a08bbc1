"""The app's HTTP doors."""

import re
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx
from pydantic import ValidationError

from client.connection import START_HINT, Connection
from client.errors import (
    AppError,
    InvalidInput,
    JobOutcome,
    NoSuchJob,
    NoSuchLetter,
    NotAllowed,
    Refused,
    Unreachable,
    described,
)
from client.job_state import JobState
from contracts.deadletter import DeadLetter
from contracts.fit import FittedModel
from contracts.purged import Purged
from contracts.quote import Quote
from contracts.task_logs import TaskLogEntry, TaskLogPage

# Connecting is quick or it fails; an answer may have to wait for a cold start of the app.
TIMEOUT = httpx.Timeout(60.0, connect=10.0)
LOGS_A_PAGE = 1_000
MOST_LOG_CHARACTERS = 64 * 1024**2
JOB_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
LETTER = re.compile(r"[a-z0-9-]{3,63}/[A-Za-z0-9_-]{1,200}")  # a queue's name, and an entry of its archive


@dataclass(frozen=True)
class Started:
    job: str
    status_url: str


@dataclass(frozen=True)
class Style:
    """`models` are the networks fitted to it; `told` is all that the app tells."""

    name: str
    title: str
    kind: str
    models: tuple[FittedModel, ...]
    told: dict[str, Any]


class FunctionApp:
    """A context manager around one HTTP client. Every call may raise Unreachable, NotAllowed or AppError."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._headers = {"x-functions-key": connection.key} if connection.key else {}
        self._http = httpx.Client(timeout=TIMEOUT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.close()

    def start(self, request: dict[str, Any]) -> Started:
        """Start the job, or find it: the same request gives the same job.

        Raises:
            Refused: the request is not valid.
        """
        return _started(self._expect(self._call("POST", "/api/jobs", json=request), 202))

    def quote(self, asked: dict[str, Any]) -> Quote:
        """What a job would take; nothing is started.

        Raises:
            Refused: the request is not valid.
        """
        answer = self._expect(self._call("POST", "/api/quote", json=asked), 200)
        try:
            return Quote.model_validate_json(answer.content)
        except ValidationError as error:
            raise AppError(f"the app quotes in a way this client does not know: {error}", 200) from error

    def retry(self, job: str) -> Started:
        """Run a failed or cancelled job again; what it had finished is kept.

        Raises:
            NoSuchJob: there is none.
            JobOutcome: it is running, or has finished.
        """
        response = self._call("POST", f"/api/jobs/{_checked(job)}/retry")
        if response.status_code == 404:
            raise NoSuchJob(job)
        return _started(self._expect(response, 202))

    def job(self, job: str) -> JobState:
        """Raises: NoSuchJob."""
        response = self._call("GET", f"/api/jobs/{_checked(job)}")
        if response.status_code == 404:
            raise NoSuchJob(job)
        return JobState.parse(self._expect(response, 200).json())

    def poll(self, status_url: str) -> JobState:
        """The job behind a `statusQueryGetUri`. That URL carries its own key, so ours is not sent along."""
        return JobState.parse(self._expect(self._send("GET", status_url), 200, 202).json())

    def jobs(self, top: int) -> list[JobState]:
        payload = self._expect(self._call("GET", "/api/jobs", params={"top": top}), 200).json()
        return [JobState.parse(entry) for entry in payload["jobs"]]

    def cancel(self, job: str) -> bool:
        """True when the job is being cancelled, False when it had ended before. Raises: NoSuchJob."""
        response = self._call("DELETE", f"/api/jobs/{_checked(job)}")
        if response.status_code == 404:
            raise NoSuchJob(job)
        return response.status_code != 409 and self._expect(response, 202).status_code == 202

    def purge(self, job: str, *, with_video: bool) -> Purged:
        """Remove every trace of a job that is over. Raises: NoSuchJob; JobOutcome: it is under way."""
        wanted = {"video": "true"} if with_video else {}
        response = self._call("POST", f"/api/jobs/{_checked(job)}/purge", params=wanted)
        if response.status_code == 404:
            raise NoSuchJob(job)
        return Purged.model_validate(self._expect(response, 200).json())

    def styles(self) -> list[Style]:
        payload = self._expect(self._call("GET", "/api/styles"), 200).json()
        return [_style(entry) for entry in payload["styles"]]

    def dead_letters(self, top: int) -> list[DeadLetter]:
        """Newest first, without their bodies."""
        payload = self._expect(self._call("GET", "/api/deadletter", params={"top": top}), 200).json()
        return [_letter(entry) for entry in payload["entries"]]

    def dead_letter(self, entry: str) -> DeadLetter:
        """`entry` is `<queue>/<id>`. Raises: NoSuchLetter."""
        return _letter(self._about(entry, "GET").json())

    def replay(self, entry: str) -> None:
        """Put it on its queue again.

        Raises:
            NoSuchLetter: there is none.
            JobOutcome: nobody waits for it any more, or it cannot be read.
        """
        self._about(entry, "POST", "/replay", 202)

    def drop(self, entry: str) -> None:
        """Delete it. Raises: NoSuchLetter."""
        self._about(entry, "DELETE")

    def task_logs(self, job: str) -> tuple[list[TaskLogEntry], tuple[str, ...]]:
        """(what every task of the job left, names of its runs' summaries). Raises: NoSuchJob."""
        entries: list[TaskLogEntry] = []
        after: str | None = ""
        summaries: tuple[str, ...] = ()
        while after is not None:
            response = self._call("GET", f"/api/jobs/{_checked(job)}/logs", params={"after": after, "top": LOGS_A_PAGE})
            if response.status_code == 404:
                raise NoSuchJob(job)
            page = _page(self._expect(response, 200).text)
            entries += page.entries
            summaries, after = page.summaries, page.next
        return entries, summaries

    def log_text(self, job: str, file: str) -> str:
        """A file of `task_logs`; what is beyond MOST_LOG_CHARACTERS of it is left out."""
        text, offset = "", "0"
        while offset and len(text) < MOST_LOG_CHARACTERS:
            response = self._call("GET", f"/api/jobs/{_checked(job)}/logs/{file}", params={"offset": offset})
            text += self._expect(response, 200).text
            offset = response.headers.get("x-next-offset", "")
        return text if not offset else f"{text[:MOST_LOG_CHARACTERS]}\n(the rest is left out)\n"

    def _about(self, entry: str, method: str, action: str = "", status: int = 200) -> httpx.Response:
        if not LETTER.fullmatch(entry):
            raise InvalidInput(f"{entry!r} names no dead letter: give QUEUE/ID, as `deadletter list` shows it")
        response = self._call(method, f"/api/deadletter/{entry}{action}")
        if response.status_code == 404:
            raise NoSuchLetter(entry)
        return self._expect(response, status)

    def _call(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        return self._send(method, self._connection.endpoint + path, headers=self._headers, **arguments)

    def _send(self, method: str, url: str, **arguments: Any) -> httpx.Response:
        try:
            return self._http.request(method, url, **arguments)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            # The URL may carry a key: name the endpoint alone.
            where = f"nothing answers at {self._connection.endpoint} ({type(error).__name__})"
            hint = START_HINT if self._connection.is_local else "check --endpoint"
            raise Unreachable(f"{where}; {hint}") from error

    def _expect(self, response: httpx.Response, *statuses: int) -> httpx.Response:
        if response.status_code in statuses:
            return response
        if response.status_code in (400, 429):
            raise Refused(_problems(response))
        if response.status_code == 409:
            raise JobOutcome(described(_problems(response)))
        if response.status_code in (401, 403):
            raise NotAllowed(f"{self._connection.endpoint} wants a function key: give --key or set ATELIER_KEY")
        if response.status_code in (404, 405):  # as for a function that is switched off
            told = f"{self._connection.endpoint} answered {response.status_code}"
            why = "it is no Atelier app (check --endpoint), or it takes no jobs for now (PAUSE, docs/operate.md)"
            raise AppError(f"{told}: {why}", response.status_code)
        summary = " ".join(response.text.split())[:200] or "without a word"
        raise AppError(f"the app answered {response.status_code}: {summary}", response.status_code)


def _checked(job: str) -> str:
    if not JOB_ID.fullmatch(job):
        raise InvalidInput(f"{job!r} is no job id: those are lower-case letters, digits, '-' and '_', 64 at most")
    return job


def _started(response: httpx.Response) -> Started:
    payload = response.json()
    return Started(job=payload["id"], status_url=payload["statusQueryGetUri"])


def _style(entry: dict[str, Any]) -> Style:
    try:
        models = tuple(FittedModel.model_validate(model) for model in entry.get("models", ()))
        return Style(entry["name"], entry["title"], entry["kind"], models, entry)
    except (KeyError, ValidationError) as error:
        raise AppError(f"the app tells of a style in a way this client does not know: {error}", 200) from error


def _letter(payload: dict[str, Any]) -> DeadLetter:
    try:
        return DeadLetter.model_validate(payload)
    except ValidationError as error:
        raise AppError(f"the app tells of a dead letter in a way this client does not know: {error}", 200) from error


def _page(payload: str) -> TaskLogPage:
    try:
        return TaskLogPage.model_validate_json(payload)
    except ValidationError as error:
        raise AppError(f"the app tells of logs in a way this client does not know: {error}", 200) from error


def _problems(response: httpx.Response) -> list[dict[str, Any]]:
    try:
        return list(response.json()["errors"])
    except (ValueError, KeyError, TypeError) as error:
        status = response.status_code
        raise AppError(f"the app answered {status} without saying why: {response.text[:200]!r}", status) from error
