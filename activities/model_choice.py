"""Which network an uploaded style needs: chosen by the content of its image and today's settings, then pinned.

Pinned, because a job must not change its network half-way: a setting may be changed while it runs, or before its retry.
"""

import hashlib

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError

from activities import limits
from activities.refusal import JobRefused
from activities.settings import settings
from activities.storage import data_account, system_account
from contracts import layout
from contracts.fit import EXTRACTORS, RECIPES, SIZE_CLASSES, SMALLEST_CLASS, Extractor, ModelChoice
from contracts.job import StartInput
from contracts.video_index import VideoIndex


def choose(start: StartInput) -> ModelChoice:
    """The network that the job's uploaded style needs, pinned. Called once at the beginning of a run.

    What an earlier run had chosen stands if it can have been used; else today's settings count.

    Raises:
        JobRefused: the image was deleted or replaced since the job began.
    """
    system = system_account()
    kept = system.find_json(layout.JOBS, layout.model_choice_blob(start.job), ModelChoice)
    if kept is not None and (system.exists(layout.MODELS, layout.model_blob(kept.key)) or _has_scored(start.job)):
        return kept
    assert start.style_blob is not None
    assert start.style_etag is not None
    sha256 = image_sha256(start.style_blob, start.style_etag)
    choice = choice_now(sha256, start.request.options.style_scale, size_class(start))
    system.write_json(layout.JOBS, layout.model_choice_blob(start.job), choice)
    return choice


def choice_now(style_sha256: str, style_scale: float, size_class: int) -> ModelChoice:
    """The network for an image of that content by today's settings; nothing is written down."""
    known = settings()
    features: Extractor = next(name for name in EXTRACTORS if name == known.fit_features)
    return ModelChoice(
        style_sha256=style_sha256,
        features=features,
        recipe=RECIPES[features],
        steps=known.fit_steps,
        style_scale=style_scale,
        size_class=size_class,
    )


def pinned(start: StartInput) -> ModelChoice:
    """What `choose` has chosen for the job."""
    kept = system_account().find_json(layout.JOBS, layout.model_choice_blob(start.job), ModelChoice)
    return kept or choose(start)


def size_class(start: StartInput) -> int:
    """The smallest class that holds the shorter side of the frames as they are scored.

    Without a video that is told by `max_dimension`, the longer side, at 16:9; without that too it is the first class.
    """
    limit = start.request.options.max_dimension
    if start.request.video is None:
        return _class_for(round(limit * 9 / 16) if limit else SMALLEST_CLASS)
    index = system_account().read_json(layout.JOBS, layout.index_blob(start.job), VideoIndex)
    return class_of(index.width, index.height, limit)


def class_of(width: int, height: int, max_dimension: int | None) -> int:
    """That of a video of this size, scored with its longer side at most `max_dimension`."""
    shorter, longer = sorted((width, height))
    return _class_for(round(shorter * min(1.0, max_dimension / longer)) if max_dimension else shorter)


def _class_for(shorter: int) -> int:
    return next((size for size in SIZE_CLASSES if shorter <= size), SIZE_CLASSES[-1])


def style_changed(blob: str | None) -> JobRefused:
    """The error for a style image that is not what it was when the job began."""
    return JobRefused(f"style {blob!r} was deleted or replaced since the job began; submit it again")


def _has_scored(job: str) -> bool:
    """Whether something of the job is scored already: with the network that it had chosen then."""
    outcomes = system_account().container(layout.JOBS).list_blob_names(name_starts_with=layout.outcome_prefix(job))
    return next(iter(outcomes), None) is not None


def image_sha256(blob: str, etag: str) -> str:
    """Of the content of a style's image. It is read once per version of the image, and then remembered.

    Raises:
        JobRefused: the image was deleted or replaced meanwhile, or is over a limit.
    """
    note = layout.style_hash_blob(blob, etag)
    if known := system_account().find_properties(layout.JOBS, note):
        return known.metadata["sha256"]
    sha256 = hashlib.sha256(_download(blob, etag)).hexdigest()
    system_account().write_text(layout.JOBS, note, "", {"sha256": sha256})
    return sha256


def _download(blob: str, etag: str) -> bytes:
    client = data_account().container(layout.STYLES).get_blob_client(blob)
    try:
        found = client.download_blob(etag=etag, match_condition=MatchConditions.IfNotModified)
        limits.check_style_bytes(found.size, settings())
        return found.readall()
    except limits.OverLimit as over:
        raise over.refusal() from None
    except HttpResponseError as error:
        if error.status_code in (404, 412):
            raise style_changed(blob) from None
        raise
