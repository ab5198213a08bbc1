"""A quote: what a request and a few facts of its video come to, checked as the job itself would be."""

from pydantic import ValidationError

from activities import model_choice, models
from activities.refusal import JobRefused
from contracts import layout
from contracts.job import JobRequest, field_errors
from contracts.quote import Quote, QuoteRequest
from triggers.bad_request import BadRequest
from triggers.styles import PinnedStyle, pin_style, style_problem


def answer(body: bytes) -> Quote:
    """Raises: BadRequest."""
    # PyAV and NumPy come with the planner; the other doors do without them (see activities/blueprint.py).
    from activities.quoting import quote

    asked = _parsed(body)
    return quote(asked, asked.style_sha256 or _style_sha256(asked.request))


def _parsed(body: bytes) -> QuoteRequest:
    try:
        return QuoteRequest.model_validate_json(body)
    except ValidationError as error:
        raise BadRequest([dict(entry) for entry in field_errors(error)]) from None


def _style_sha256(request: JobRequest) -> str | None:
    """Of the uploaded image that the job's network is fitted to; None for a job that takes another network, or none."""
    style = pin_style(request.style) if request.style else None
    if problem := style_problem(request, style):
        raise BadRequest([problem])
    if request.model is not None and models.find_weights(request.model) is None:
        problem = f"not in container {layout.MODELS!r}; name a style instead"
        raise BadRequest.about("model", request.model, problem)
    return _image_sha256(style) if style else None


def _image_sha256(style: PinnedStyle) -> str | None:
    if style.blob is None or style.etag is None:
        return None
    try:
        return model_choice.image_sha256(style.blob, style.etag)
    except JobRefused as refused:
        raise BadRequest.about("style", style.blob, str(refused)) from None
