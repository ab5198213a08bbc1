"""The styles that a request may name, and what of an uploaded one is checked before a job begins."""

from dataclasses import dataclass
from typing import Any

from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError

from activities import limits, model_records
from activities.model_records import of_content
from activities.settings import settings
from activities.storage import data_account, system_account
from activities.style_header import NoStyleImage, read_style_header
from contracts import layout
from contracts.fit import FittedModel
from contracts.job import JobRequest
from contracts.styles import BUILTIN_STYLES
from triggers.bad_request import BadRequest

# Enough to choose from in an error message; `GET /api/styles` lists them all.
STYLES_SHOWN = 40


@dataclass(frozen=True)
class Style:
    """A style's name and, for an uploaded one, its blob."""

    name: str
    title: str
    kind: str
    blob: str | None = None
    etag: str | None = None

    @property
    def hash_blob(self) -> str | None:
        """Where the SHA-256 of its image is kept, once it was used."""
        return layout.style_hash_blob(self.blob, self.etag) if self.blob and self.etag else None


@dataclass(frozen=True)
class PinnedStyle:
    """A style as it is now: `version` is the etag of its image, or the hash of the weights that ship."""

    version: str
    blob: str | None = None

    @property
    def etag(self) -> str | None:
        return self.version if self.blob else None


def list_styles() -> list[Style]:
    """Built-in and uploaded styles by name; an uploaded one hides a built-in one of its name."""
    styles = {s.name: Style(s.name, s.title, "builtin") for s in BUILTIN_STYLES.values()}
    for blob in data_account().container(layout.STYLES).list_blobs():
        if name := layout.style_name(blob.name):
            styles[name] = Style(name, name, "uploaded", blob.name, str(blob.etag))
    return sorted(styles.values(), key=lambda style: style.name)


def fitted_styles() -> list[tuple[Style, list[FittedModel]]]:
    """The styles, each with the networks fitted to its image as it is now, newest first.

    Two listings and, for records that were not read before, a small blob each.
    """
    records = model_records.newest_records()
    hashes = style_hashes()
    return [(style, of_content(records, hashes.get(style.hash_blob))) for style in list_styles()]


def style_hashes() -> dict[str | None, str]:
    """SHA-256 of the images that were used, by the name of the blob that keeps it."""
    noted = (
        system_account().container(layout.JOBS).list_blobs(name_starts_with=layout.STYLE_HASHES, include=["metadata"])
    )
    return {blob.name: (blob.metadata or {})["sha256"] for blob in noted}


def style_entry(style: Style, models: list[FittedModel]) -> dict[str, Any]:
    """As `GET /api/styles` shows it."""
    shown = {"name": style.name, "title": style.title, "kind": style.kind, "blob": style.blob}
    return shown | {"models": [model.model_dump(mode="json") for model in models]}


def style_problem(request: JobRequest, style: PinnedStyle | None) -> dict[str, object] | None:
    """What is wrong with a request that asks to fit what is not fitted, as {field, value, problem}."""
    if style is not None and style.blob is not None:
        return None
    scale = request.options.style_scale
    if scale != 1:
        problem = "only an uploaded style is fitted to a scale; leave it out, or upload the image and name that"
        return {"field": "options.style_scale", "value": scale, "problem": problem}
    if request.fit_only:
        problem = "this style ships fitted: there is nothing to fit; name it in a job with a video"
        return {"field": "style", "value": request.style, "problem": problem}
    return None


def pin_style(name: str) -> PinnedStyle:
    """The style called `name`; of an uploaded image the header is read, and no more.

    Raises:
        BadRequest: there is none, or its image is over a limit or no image.
    """
    styles = {style.name: style for style in list_styles()}
    if name not in styles:
        problem = f"no such style; choose one of the allowed, or upload {name}.jpg to 'styles'"
        allowed = sorted(styles)[:STYLES_SHOWN]
        raise BadRequest([{"field": "style", "value": name, "problem": problem, "allowed": allowed}])
    blob = styles[name].blob
    if blob is None:
        return PinnedStyle(BUILTIN_STYLES[name].sha256)
    # The etag as the service gives it with the blob itself: listings leave out the quotes, and it is compared as text.
    client = data_account().container(layout.STYLES).get_blob_client(blob)
    try:
        properties = client.get_blob_properties()
        etag, size = str(properties.etag), int(properties.size)
        limits.check_style_bytes(size, settings())
        header = read_style_header(client, etag, size)
        limits.check_style_pixels(header.width, header.height, settings())
        header.require_usable()
    except limits.OverLimit as over:
        raise BadRequest.of(over) from None
    except NoStyleImage as problem:
        raise BadRequest.about("style", blob, f"{layout.STYLES}/{blob} cannot be a style: {problem}") from None
    except (ResourceModifiedError, ResourceNotFoundError):
        problem = "its image was replaced or deleted while it was looked at; submit again"
        raise BadRequest.about("style", blob, problem) from None
    return PinnedStyle(etag, blob)
