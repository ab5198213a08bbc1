"""What the client may refuse or fail at. Each error is one line for the user; `exit_code` is the process's.

ClientError                 2  misuse, or something that cannot be reached
├── InvalidInput            2  a bad file, option or name, found before anything was sent
├── Refused                 2  the app answered 400 or 429: the request is not valid, or one job too many
├── NoSuchJob               2
├── NoSuchLetter            2
├── NoSuchTask              2
├── NotAllowed              2  the app or the storage wants a key, or another one
├── Unreachable             2  nothing answers there
├── AppError                2  the app answered what the contract does not foresee
├── StorageError            2
└── JobOutcome              1  the job failed, was cancelled, has no result yet, or is in no state for what is asked
"""

from typing import Any


class ClientError(Exception):
    exit_code = 2


class InvalidInput(ClientError):
    pass


class Refused(ClientError):
    """`problems` are the app's own words: [{field, value, problem, allowed?}]."""

    def __init__(self, problems: list[dict[str, Any]]) -> None:
        self.problems = problems
        super().__init__(described(problems) or "the app refused the request")


class NoSuchJob(ClientError):
    def __init__(self, job: str) -> None:
        super().__init__(f"there is no job {job!r}; `python -m client list` shows those there are")


class NoSuchLetter(ClientError):
    def __init__(self, entry: str) -> None:
        super().__init__(f"there is no dead letter {entry!r}; `python -m client deadletter list` shows those there are")


class NoSuchTask(ClientError):
    def __init__(self, job: str, task: str) -> None:
        super().__init__(f"job {job} has left no log of a task {task!r}; `python -m client logs {job}` lists them")


class NotAllowed(ClientError):
    pass


class Unreachable(ClientError):
    pass


class AppError(ClientError):
    """`status` is the HTTP status of the answer."""

    def __init__(self, message: str, status: int) -> None:
        self.status = status
        super().__init__(message)


class StorageError(ClientError):
    pass


class JobOutcome(ClientError):
    exit_code = 1


def described(problems: list[dict[str, Any]]) -> str:
    """The app's [{field, value, problem, allowed?}] as one line."""
    return "; ".join(_describe(problem) for problem in problems)


def _describe(problem: dict[str, Any]) -> str:
    text = f"{problem['field']}: {problem['problem']}"
    if problem.get("value") not in (None, "", "None"):
        text += f" (got {problem['value']})"
    if allowed := problem.get("allowed"):
        text += f"; allowed: {', '.join(map(str, allowed)) if isinstance(allowed, list) else allowed}"
    return text
