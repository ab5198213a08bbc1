"""What every chunk of a job looks up and none changes: its start, its index and its plan, kept in memory for a while.

Each is as long as the job has chunks or frames, so reading them once a chunk would cost time with their square. A run
never changes them: they are written before its first chunk is submitted. Another run of the job has its own entries.
"""

from functools import lru_cache

from activities.storage import Account, system_account
from contracts import layout
from contracts.job import StartInput
from contracts.plan import Plan
from contracts.video_index import VideoIndex

# Jobs that are under way at once in one worker. An index can be large, the others are not.
KEPT_JOBS, KEPT_INDEXES = 16, 2


def read_start(job: str, run: int) -> StartInput:
    """Raises: azure.core.exceptions.ResourceNotFoundError where it is gone; so do the others."""
    return _start(system_account(), job, run)


def read_plan(job: str, run: int) -> Plan:
    return _plan(system_account(), job, run)


def read_index(job: str) -> VideoIndex:
    """A job's id pins its video, so that all its runs have one index."""
    return _index(system_account(), job)


@lru_cache(KEPT_JOBS)
def _start(account: Account, job: str, run: int) -> StartInput:
    return account.read_json(layout.JOBS, layout.start_blob(job), StartInput)


@lru_cache(KEPT_JOBS)
def _plan(account: Account, job: str, run: int) -> Plan:
    return account.read_json(layout.JOBS, layout.plan_blob(job), Plan)


@lru_cache(KEPT_INDEXES)
def _index(account: Account, job: str) -> VideoIndex:
    return account.read_json(layout.JOBS, layout.index_blob(job), VideoIndex)
