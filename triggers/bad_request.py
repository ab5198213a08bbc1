"""The doors' one error.

ValueError
  BadRequest: the request cannot be met as it is (HTTP 400)
    TooManyJobs: it can be met later (HTTP 429)
"""

from typing import ClassVar

from activities.limits import OverLimit


class BadRequest(ValueError):
    """The request cannot be met. `errors` is a list of {field, value, problem} and, where it helps, {allowed}."""

    status: ClassVar[int] = 400

    def __init__(self, errors: list[dict[str, object]]) -> None:
        self.errors = errors
        super().__init__("; ".join(f"{e['field']}: {e['problem']} (got {e['value']})" for e in errors))

    @classmethod
    def about(cls, field: str, value: str, problem: str) -> "BadRequest":
        return cls([{"field": field, "value": value, "problem": problem}])

    @classmethod
    def of(cls, over: OverLimit) -> "BadRequest":
        return cls([over.entry()])


class TooManyJobs(BadRequest):
    """The uploader has as many jobs under way as one may have."""

    status: ClassVar[int] = 429
