"""Everything that is known of a run that is over: what the workflow, Batch and the tasks themselves say of it."""

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime

from azure.core.exceptions import AzureError
from durabletask.client import OrchestrationState

from activities.batch_times import BatchTimes, batch_times
from activities.storage import system_account
from activities.task_records import TaskLog, find_task_logs
from contracts import layout
from contracts.job import StartInput
from contracts.status import JobStatus
from contracts.steps import RunEnd, RunRef
from contracts.task_record import TaskRecord

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TaskStory:
    """One task: `logged` where it left a log, `batch` where Batch knows of it. It has at least one of them."""

    name: str
    logged: TaskLog | None
    batch: BatchTimes | None

    @property
    def record(self) -> TaskRecord | None:
        return self.logged.record if self.logged else None

    @property
    def node(self) -> str | None:
        return self.batch.node if self.batch else None

    @property
    def is_failed(self) -> bool:
        """One without a record died before it could write it."""
        return self.record is None or self.record.outcome == "failed"

    @property
    def reason(self) -> str | None:
        if self.record is not None and self.record.reason:
            return self.record.reason
        return (self.batch.problem if self.batch else None) or ("it left no record" if self.record is None else None)

    @property
    def kind(self) -> str:
        """`score`, `fit` or `stitch`."""
        name = layout.work_name(self.name)
        return name if name in ("fit", "stitch") else "score"

    def times(self) -> tuple[float, float] | None:
        """(submitted, ended) in Unix seconds; None where neither it nor Batch tells."""
        record, batch = self.record, self.batch
        begins = [record.submitted or record.began] if record else [batch.created] if batch else []
        ends = [record.ended] if record else [batch.ended or batch.started or batch.created] if batch else []
        if not begins or begins[0] is None or ends[0] is None:
            return None
        return begins[0], max(begins[0], ends[0])


@dataclass(frozen=True)
class RunStory:
    """`phases` are (name, when it began) in order, `began` and `ended` the run's, all in Unix seconds."""

    run: RunRef
    end: RunEnd
    start: StartInput | None
    began: float
    ended: float
    phases: tuple[tuple[str, float], ...] = ()
    cost: float = 0.0
    tasks: tuple[TaskStory, ...] = field(default=())

    @property
    def scorer(self) -> str:
        return "unknown" if self.start is None else "fit" if self.start.request.fit_only else self.start.request.scorer


def tell(run: RunRef, end: RunEnd, state: OrchestrationState | None) -> RunStory:
    """`state` is the job's orchestration, which may be about another run of it by now."""
    start = system_account().find_json(layout.JOBS, layout.start_blob(run.job), StartInput)
    start = start if start is not None and start.run == run.run else None
    tasks = _tasks(run)
    marked = system_account().find_properties(layout.JOBS, layout.ended_blob(run.job, run.run))
    if state is None or start is None:
        status, times = None, []
    else:
        status, times = _status(state), [_unix(state.created_at)]
    phases = sorted((status.began if status else {}).items(), key=lambda phase: phase[1])
    seen = [time for task in tasks if (span := task.times()) for time in span]
    # The blob's time has whole seconds; where the workflow says when it ended, that is better.
    over = [at for phase, at in phases if phase in ("finished", "failed")]
    times += [at for _, at in phases] + seen
    if not over and marked is not None:
        times.append(_unix(marked.last_modified))
    began, ended = (min(times), max(times)) if times else (0.0, 0.0)
    cost = max(end.cost, status.cost if status else 0.0)
    return RunStory(run, end, start, began, over[-1] if over else ended, tuple(phases), cost, tasks)


def _tasks(run: RunRef) -> tuple[TaskStory, ...]:
    logged = {found.task: found for found in find_task_logs(run.job) if found.run == run.run}
    try:
        known = batch_times(layout.batch_job(run.job, run.run))
    except AzureError as error:
        log.warning("Batch does not tell of the tasks of job %s, run %d: %s", run.job, run.run, type(error).__name__)
        known = {}
    return tuple(TaskStory(name, logged.get(name), known.get(name)) for name in sorted({*logged, *known}))


def _status(state: OrchestrationState) -> JobStatus | None:
    said = state.get_custom_status()
    return JobStatus.model_validate(said) if said else None


def _unix(at: datetime) -> float:
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
