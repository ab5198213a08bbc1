"""The styles that a request may name, and what of an uploaded one is checked before a job begins."""

from dataclasses import dataclass

from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError

from activities import limits
from activities.settings import settings
from activities.storage import data_account
from activities.style_header import NoStyleImage, read_style_header
from contracts import layout
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
            styles[name] = Style(name, name, "uploaded", blob.name)
    return sorted(styles.values(), key=lambda style: style.name)


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
