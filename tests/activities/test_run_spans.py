"""A run's spans: one trace, a tree by names, stages within their task."""

from activities.run_spans import spans_of
from contracts.steps import RunEnd
from telemetry.ids import RunSpans
from telemetry.spans import Span
from tests.activities.stories import RUN, retried

REFS = RunSpans(RUN.job, RUN.run)


def by_name(spans: list[Span]) -> dict[str, list[Span]]:
    found: dict[str, list[Span]] = {}
    for span in spans:
        found.setdefault(span.name, []).append(span)
    return found


def test_tasks_lie_under_their_chunk_it_under_its_phase_and_that_under_the_run() -> None:
    spans = by_name(list(spans_of(retried())))
    [job], [chunk], [scoring] = spans["job"], spans["chunk"], spans["scoring"]
    assert (job.ref, job.parent, job.begin, job.end) == (REFS.root, None, 99.0, 121.0)
    assert (scoring.parent, scoring.begin, scoring.end) == (REFS.root, 102.0, 120.0)
    assert "finished" not in spans
    assert (chunk.ref, chunk.parent) == (REFS.work("c00000"), REFS.phase("scoring"))
    assert {task.parent for task in spans["task"]} == {chunk.ref}
    assert len({span.ref for found in spans.values() for span in found}) == sum(map(len, spans.values()))


def test_a_retry_shows_each_attempt_and_why_it_failed() -> None:
    spans = by_name(list(spans_of(retried())))
    assert [(task.ref, task.failed) for task in spans["task"]] == [
        (REFS.task("c00000-a1"), "TaskEnded: killed"),
        (REFS.task("c00000-a2"), "OSError: no space"),
        (REFS.task("c00000-a3"), None),
    ]
    assert [span.failed for span in spans["chunk"] + spans["job"]] == [None, None]
    # What killed the first one took its word: from its launch to its end nothing is known.
    assert [(span.begin, span.end) for span in spans["unknown"]] == [(102.6, 102.9)]


def test_stages_lie_within_their_task_whatever_a_nodes_clock_says() -> None:
    spans = list(spans_of(retried()))
    tasks = {span.ref: span for span in spans if span.name == "task"}
    stages = [span for span in spans if span.parent in tasks]
    assert {span.name for span in stages} == {
        "queue",
        "wait for a node",
        "launch",
        "unknown",
        "start",
        "decode",
        "score",
        "upload",
    }
    for stage in stages:
        task = tasks[stage.parent]  # type: ignore[index]
        assert task.begin <= stage.begin <= stage.end <= task.end


def test_a_failed_run_says_why() -> None:
    story = retried()
    failed = RunEnd(outcome="failed", reason="too many bad frames")
    job = next(spans_of(type(story)(**{**vars(story), "end": failed})))
    assert job.failed == "too many bad frames"
