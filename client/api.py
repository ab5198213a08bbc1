"""The app's HTTP doors."""

import re
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

from client.connection import START_HINT, Connection
from client.errors import AppError, InvalidInput, NoSuchJob, NotAllowed, Refused, Unreachable
from client.job_state import JobState

# Connecting is quick or it fails; an answer may have to wait for a cold start of the app.
TIMEOUT = httpx.Timeout(60.0, connect=10.0)
JOB_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


@dataclass(frozen=True)
class Started:
    job: str
    status_url: str


@dataclass(frozen=True)
class Style:
    name: str
    title: str
    kind: str


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
        payload = self._expect(self._call("POST", "/api/jobs", json=request), 202).json()
        return Started(job=payload["id"], status_url=payload["statusQueryGetUri"])

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
        return self._expect(response, 202, 409).status_code == 202

    def styles(self) -> list[Style]:
        payload = self._expect(self._call("GET", "/api/styles"), 200).json()
        return [Style(entry["name"], entry["title"], entry["kind"]) for entry in payload["styles"]]

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
        if response.status_code == 400:
            raise Refused(_problems(response))
        if response.status_code in (401, 403):
            raise NotAllowed(f"{self._connection.endpoint} wants a function key: give --key or set ATELIER_KEY")
        if response.status_code == 404:
            raise AppError(f"{self._connection.endpoint} is no Atelier app: it answered 404; check --endpoint", 404)
        summary = " ".join(response.text.split())[:200] or "without a word"
        raise AppError(f"the app answered {response.status_code}: {summary}", response.status_code)


def _checked(job: str) -> str:
    if not JOB_ID.fullmatch(job):
        raise InvalidInput(f"{job!r} is no job id: those are lower-case letters, digits, '-' and '_', 64 at most")
    return job


def _problems(response: httpx.Response) -> list[dict[str, Any]]:
    try:
        return list(response.json()["errors"])
    except (ValueError, KeyError, TypeError) as error:
        raise AppError(f"the app answered 400 without saying why: {response.text[:200]!r}", 400) from error
