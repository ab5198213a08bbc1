"""How far a fit is, from what nodes have written, which may be anything."""

import pytest

from activities import storage
from activities.claim_fit import claim_fit
from activities.end_run import mark_ended
from activities.measure_fit import measure_fit, parse
from contracts import layout
from contracts.fit import FitProgress
from contracts.steps import EndInput, RunRef
from tests.activities.fits import fit_start, new_fit

pytestmark = [pytest.mark.timeout(60), pytest.mark.usefixtures("fit_accounts")]


def say(job: str, task: str, **metadata: str) -> None:
    blob = storage.system_account().container(layout.JOBS).get_blob_client(layout.progress_blob(job, task))
    blob.upload_blob(b"", overwrite=True, metadata=metadata)


def test_the_last_attempt_that_said_something_counts() -> None:
    start, _ = new_fit()
    run = RunRef.of(start)
    assert measure_fit(run).fit is None
    claim_fit(run)
    assert measure_fit(run).fit is None
    say(start.job, "fit-a9", step="8", steps="9", style="1.5", content="0.25", consistency="1e-3")
    said = FitProgress(step=8, steps=9, style=1.5, content=0.25, consistency=0.001)
    assert measure_fit(run).fit == said
    say(start.job, "fit-a10", step="1", steps="9")
    say(start.job, "fit-a11", frames="7")
    say(start.job, "fit-ax", step="5", steps="9")
    assert measure_fit(run).fit == FitProgress(step=1, steps=9)


def test_a_job_that_waits_shows_the_progress_of_the_one_that_fits() -> None:
    fitting, _ = new_fit()
    assert fitting.style_blob is not None
    assert fitting.style_etag is not None
    waiting = fit_start((fitting.style_blob, fitting.style_etag))
    for start in (fitting, waiting):
        claim_fit(RunRef.of(start))
    awaited = measure_fit(RunRef.of(waiting)).fit
    assert awaited is not None
    assert (awaited.step, awaited.job) == (0, fitting.job)
    say(fitting.job, "fit-a1", step="2", steps="3")
    assert measure_fit(RunRef.of(waiting)).fit == FitProgress(step=2, steps=3, job=fitting.job)
    mark_ended(EndInput(job=fitting.job, run=1, outcome="cancelled"))
    assert measure_fit(RunRef.of(waiting)).fit is None


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"step": "1"},
        {"step": "4", "steps": "3"},
        {"step": "-1", "steps": "3"},
        {"step": "1", "steps": "0"},
        {"step": "1.5", "steps": "3"},
        {"step": "1", "steps": "9" * 5000},
        {"step": "1", "steps": "99999999"},
        {"step": "٣", "steps": "9"},
    ],
)
def test_what_is_no_progress_is_none(said: dict[str, str]) -> None:
    assert parse(said) is None


@pytest.mark.parametrize("loss", ["nan", "inf", "-Infinity", "1e999", "a lot", "", "9" * 5000])
def test_a_loss_that_is_no_number_is_left_out(loss: str) -> None:
    progress = parse({"step": "1", "steps": "2", "style": loss, "content": "0.5"})
    assert progress is not None
    assert (progress.content, progress.style) == (0.5, None)
