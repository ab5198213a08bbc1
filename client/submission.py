"""What the user typed, as a checked request: every mistake that can be seen here is told before anything is sent."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from client.errors import InvalidInput
from contracts.frame_runs import FrameRun
from contracts.job import JobOptions, JobRequest, field_errors
from contracts.layout import style_name

# How the kinds of image that a style may be begin, by file name suffix.
IMAGE_SIGNATURES = {".jpg": b"\xff\xd8\xff", ".jpeg": b"\xff\xd8\xff", ".png": b"\x89PNG\r\n\x1a\n"}


@dataclass(frozen=True)
class Submission:
    """`style_image` is a file to be uploaded as blob `style_blob` of container `styles`, or None for a named style."""

    video: Path | None
    style_image: Path | None
    request: JobRequest

    @property
    def style_blob(self) -> str | None:
        if self.style_image is None:
            return None
        return f"{self.request.style}{self.style_image.suffix.lower()}"

    @property
    def body(self) -> dict[str, Any]:
        """The request as it is posted: what the user chose, and no defaults."""
        return self.request.model_dump(mode="json", exclude_defaults=True)

    @property
    def metadata(self) -> str | None:
        """The value of blob metadata `atelier_options`: with it the upload alone asks for the very same job.

        None for a fit's video: it goes to the root of container `videos`, where an upload asks for nothing.
        """
        request = self.request
        if request.fit_only:
            return None
        options = request.options.model_dump(mode="json", exclude_defaults=True)
        return json.dumps({"style": request.style, "scorer": request.scorer, "options": options}, ensure_ascii=True)


def build(video: Path, style: str | None, scorer: str, options: Mapping[str, Any]) -> Submission:
    """Check everything that can be checked without the app.

    Raises:
        InvalidInput: a file is missing or empty, or is no image; a name or an option is not valid.
    """
    return _checked(video, style, {"scorer": scorer, "options": dict(options)})


def build_fit(style: str, video: Path | None, options: Mapping[str, Any]) -> Submission:
    """The same for a job that only fits `style`: on frames of `video`, or on photographs that the app carries.

    Raises:
        InvalidInput: as for `build`.
    """
    return _checked(video, style, {"fit_only": True, "options": dict(options)})


def _checked(video: Path | None, style: str | None, wanted: dict[str, Any]) -> Submission:
    if video is not None:
        check_file(video)
    image = style_image(style)
    name = style_slug(image) if image else style
    if video is not None:
        folder = f"{name}/" if name and not wanted.get("fit_only") else ""
        wanted |= {"video": folder + video.name}
    return Submission(video, image, _request(wanted | {"style": name}))


def _request(wanted: dict[str, Any]) -> JobRequest:
    try:
        return JobRequest.model_validate(wanted)
    except ValidationError as error:
        raise InvalidInput("; ".join(_describe(problem) for problem in field_errors(error))) from error


def ranged(wanted: Submission, frames: FrameRun, base: str, video: str) -> Submission:
    """`wanted` for `frames` alone, all others taken from job `base`, which is of blob `video`.

    Raises:
        InvalidInput: they make no request together.
    """
    values = wanted.request.model_dump(mode="json") | {"frames": frames, "base": base, "video": video}
    return Submission(wanted.video, wanted.style_image, _request(values))


def parse_range(text: str) -> FrameRun:
    """`20-30` as (20, 30), `7` as (7, 7).

    Raises:
        InvalidInput: it is no range.
    """
    found = re.fullmatch(r"(\d+)(?:-(\d+))?", text.strip())
    if not found or int(found[2] or found[1]) < int(found[1]):
        raise InvalidInput(f"--frames {text!r}: give FIRST-LAST, both included, counted from 0, such as 120-179")
    return int(found[1]), int(found[2] or found[1])


def style_image(style: str | None) -> Path | None:
    """The file that `style` names, or None where it is the name of a style (no dot and no slash in it)."""
    if style is None or not re.search(r"[./\\]", style):
        return None
    path = Path(style)
    check_file(path)
    signature = IMAGE_SIGNATURES.get(path.suffix.lower())
    if signature is None:
        raise InvalidInput(f"{path}: a style image must be one of {', '.join(IMAGE_SIGNATURES)}")
    with path.open("rb") as file:
        if file.read(len(signature)) != signature:
            raise InvalidInput(f"{path} is no {path.suffix.lower().removeprefix('.')} image")
    return path


def style_slug(image: Path) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", image.stem.lower()).strip("-")[:63].rstrip("-")
    if style_name(f"{slug}{image.suffix.lower()}") is None:
        raise InvalidInput(f"{image.name} gives no style name; rename it to letters and digits")
    return slug


def check_file(path: Path) -> None:
    if not path.exists():
        raise InvalidInput(f"{path}: there is no such file")
    if not path.is_file():
        raise InvalidInput(f"{path}: not a file")
    if path.stat().st_size == 0:
        raise InvalidInput(f"{path}: the file is empty")


def parse_options(pairs: Sequence[str]) -> dict[str, Any]:
    """`["chunk_size=30", "keep_color=true"]` as {name: value}; values are JSON, or text where they are not.

    Raises:
        InvalidInput: a pair has no `=`, or its name is no option.
    """
    options: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or name not in JobOptions.model_fields:
            raise InvalidInput(f"--option {pair!r}: give NAME=VALUE, NAME one of {', '.join(JobOptions.model_fields)}")
        try:
            options[name] = json.loads(text)
        except ValueError:
            options[name] = text
    return options


def _describe(problem: dict[str, str]) -> str:
    field = problem["field"].removeprefix("options.")
    got = f" (got {problem['value']})" if field != "request" else ""
    return f"{field}: {problem['problem']}{got}"
