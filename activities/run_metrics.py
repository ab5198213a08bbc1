"""A run's metrics, once it is over. Names and meanings: `telemetry.metrics`."""

from activities.run_story import RunStory, TaskStory
from contracts import layout
from telemetry import metrics


def record_metrics(story: RunStory) -> None:
    about = {"outcome": story.end.outcome, "scorer": story.scorer}
    metrics.record("atelier.jobs", 1, **about)
    metrics.record("atelier.job.seconds", story.ended - story.began, **about)
    metrics.record("atelier.job.cost", story.cost, **about)
    done: set[str] = set()
    for task in story.tasks:
        _record_task(story, task)
        work = layout.work_name(task.name)
        if work in done:
            metrics.record("atelier.task.retries", 1, kind=task.kind)
        done.add(work)


def _record_task(story: RunStory, task: TaskStory) -> None:
    record = task.record
    if record is None:
        return
    metrics.record("atelier.task.seconds", record.seconds.total, kind=task.kind, outcome=record.outcome)
    if task.kind == "score" and not task.is_failed:
        metrics.record("atelier.frames.scored", record.frames, scorer=story.scorer)
    for stage, seconds in record.seconds:
        if stage != "total":
            metrics.record("atelier.stage.seconds", seconds, kind=task.kind, stage=stage)
