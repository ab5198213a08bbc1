"""What is left of a job that is over, removed from storage and Batch.

A second call removes what the first did not come to. What the job says of itself (its start) goes last, so that
somebody can make that call. Networks stay: they are the style's, and other jobs' too.
"""

from azure.core import MatchConditions
from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError

from activities import batch as batch_service
from activities.storage import data_account, system_account
from contracts import layout
from contracts.deadletter import DeadLetter
from contracts.job import StartInput
from contracts.purged import Purged


def purge_job(start: StartInput, *, with_video: bool) -> Purged:
    """Remove all blobs and Batch jobs of the job; its video too, if that is wanted and it was not replaced since."""
    prefix = layout.job_prefix(start.job)
    return Purged(
        job=start.job,
        video=_remove_video(start) if with_video else None,
        outputs=data_account().delete_prefix(layout.OUTPUTS, prefix),
        logs=system_account().delete_prefix(layout.LOGS, prefix),
        dead_letters=_remove_dead_letters(start.job),
        measured=_remove_measured(start.job),
        batch_jobs=sum(_is_deleted(start.job, run) for run in range(1, start.run + 1)),
        intermediates=_remove(layout.JOBS, [layout.active_blob(start.uploader, start.job)])
        + system_account().delete_prefix(layout.JOBS, prefix),
    )


def _is_deleted(job: str, run: int) -> bool:
    return batch_service.delete_job(layout.batch_job(job, run))


def _remove_video(start: StartInput) -> str | None:
    """The video's name, where it was removed."""
    if start.request.video is None:
        return None
    name, etag = start.video
    videos = data_account().container(layout.VIDEOS)
    data_account().delete_prefix(layout.VIDEOS, layout.error_blob(name))
    try:
        videos.delete_blob(name, etag=etag, match_condition=MatchConditions.IfNotModified)
    except (ResourceNotFoundError, ResourceModifiedError):
        return None  # gone, or another video by the same name
    return name


def _remove_dead_letters(job: str) -> int:
    account = system_account()
    names = list(account.container(layout.DEADLETTER).list_blob_names())
    letters = ((name, account.find_json(layout.DEADLETTER, name, DeadLetter)) for name in names)
    ours = [name for name, letter in letters if letter is not None and letter.job == job]
    return _remove(layout.DEADLETTER, ours)


def _remove_measured(job: str) -> int:
    """Speeds are kept by workload; the job's id, and in it a part of its file's name, is in their blobs' names."""
    names = system_account().container(layout.JOBS).list_blob_names(name_starts_with=layout.MEASURED)
    return _remove(layout.JOBS, [name for name in names if name.rpartition("/")[2].rpartition("-r")[0] == job])


def _remove(container: str, names: list[str]) -> int:
    """Delete these and no others; the number deleted."""
    return sum(_is_removed(container, name) for name in names)


def _is_removed(container: str, name: str) -> bool:
    try:
        system_account().container(container).delete_blob(name)
    except ResourceNotFoundError:
        return False  # gone already, as wished
    return True
