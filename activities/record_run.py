"""Activity `record_run`: a run is over, and what is known of it is written down: summary, spans, metrics.

Called by the run's guard, so that nobody waits for it, after whatever ended the run. Two listings and one blob, however
many tasks there were. What it cannot do fails the guard, whose work is done by then, and never the job.
"""

import logging

import azure.durable_functions as df
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import ContentSettings

from activities.end_run import find_ended
from activities.run_metrics import record_metrics
from activities.run_spans import spans_of
from activities.run_story import RunStory, tell
from activities.run_summary import summary_csv
from activities.storage import system_account
from contracts import layout
from contracts.steps import Recorded, RunRef
from telemetry import metrics, spans

log = logging.getLogger(__name__)

CSV = ContentSettings(content_type="text/csv; charset=utf-8")


def record_run(run: RunRef, client: df.SyncDurableFunctionsClient) -> Recorded:
    """Write the run's summary, then export its spans and metrics; nothing where that was done, or it is not over."""
    end = find_ended(run)
    if end is None:
        return Recorded(job=run.job, run=run.run, tasks=None)
    story = tell(run, end, client.get_orchestration_state(run.job))
    if not _write_summary(story):
        return Recorded(job=run.job, run=run.run, tasks=None)
    record_metrics(story)
    if spans.is_on():
        spans.emit(spans_of(story))
        spans.flush()
    metrics.flush()
    return Recorded(job=run.job, run=run.run, tasks=len(story.tasks))


def _write_summary(story: RunStory) -> bool:
    """Whether this call was the one that wrote it: spans and metrics are told once."""
    name, text = layout.summary_blob(story.run.job, story.run.run), summary_csv(story.tasks)
    try:
        container = system_account().container(layout.LOGS)
        container.upload_blob(name, text.encode(), overwrite=False, content_settings=CSV)
    except ResourceExistsError:
        return False
    return True
