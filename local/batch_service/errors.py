"""Errors of the Batch service; the wire form is built here and nowhere else.

    BatchError              an answer with an error body: {code, message: {lang, value}, values: [{key, value}]}
    ├── BadRequest          400
    ├── Unauthorized        401, 403
    ├── NotFound            404
    ├── Conflict            409
    └── PreconditionFailed  412
    StateError              the state folder cannot be used
    ├── StateInUseError     another process holds it
    └── StateVersionError   it was written by another version

Codes: https://learn.microsoft.com/rest/api/batchservice/batch-status-and-error-codes
"""

from local.batch_service.timestamps import iso_now


class BatchError(Exception):
    """An error the client sees. `values` are the (key, value) details the SDK exposes as `error.values`."""

    status = 500

    def __init__(self, code: str, message: str, *values: tuple[str, str], status: int | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.values = code, message, values
        self.status = status or self.status


class BadRequest(BatchError):
    status = 400


class Unauthorized(BatchError):
    status = 401


class NotFound(BatchError):
    status = 404


class Conflict(BatchError):
    status = 409


class PreconditionFailed(BatchError):
    status = 412


class StateError(Exception):
    """The state folder cannot be used."""


class StateInUseError(StateError):
    """Another process holds the state folder."""


class StateVersionError(StateError):
    """The state was written by another version of the service."""


def invalid_property(name: str, value: object, reason: str) -> BadRequest:
    """A body property that is refused. Long values and those that may carry a signature are not echoed."""
    shown = str(value)
    if len(shown) > 80 or "?" in shown:
        shown = f"({type(value).__name__}, not shown)"
    return BadRequest(
        "InvalidPropertyValue",
        f"The value {shown!r} of property {name!r} is invalid: {reason}",
        ("PropertyName", name),
        ("PropertyValue", shown),
        ("Reason", reason),
    )


def missing_property(name: str) -> BadRequest:
    return BadRequest(
        "MissingRequiredProperty",
        f"The required property {name!r} was not specified in the request body.",
        ("PropertyName", name),
    )


def invalid_query(name: str, reason: str) -> BadRequest:
    return BadRequest(
        "InvalidQueryParameterValue",
        f"The value of query parameter {name!r} is invalid: {reason}",
        ("QueryParameterName", name),
        ("Reason", reason),
    )


def error_detail(error: BatchError) -> dict[str, object]:
    """The part shared by an error body and by a failed element of a task collection."""
    detail: dict[str, object] = {"code": error.code, "message": {"lang": "en-US", "value": error.message}}
    if error.values:
        detail["values"] = [{"key": key, "value": value} for key, value in error.values]
    return detail


def error_body(error: BatchError, request_id: str, base_url: str) -> dict[str, object]:
    text = f"{error.message}\nRequestId:{request_id}\nTime:{iso_now()}"
    metadata = f"{base_url}/$metadata#Microsoft.Azure.Batch.Protocol.Entities.Container.errors/@Element"
    return {"odata.metadata": metadata, **error_detail(error), "message": {"lang": "en-US", "value": text}}
