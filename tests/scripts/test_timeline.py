"""The picture of a run, from the file that the app's own exporter writes."""

from pathlib import Path

import pytest
from PIL import Image

from activities.run_spans import spans_of
from scripts import timeline
from scripts.timeline_picture import COLORS, FAILED, SCALE, WIDTH
from scripts.trace_file import TraceError, read_run
from telemetry.destinations import Destinations
from telemetry.ids import RunSpans
from telemetry.spans import Span
from telemetry.tracing import Tracing
from tests.activities.stories import RUN, retried

REFS = RunSpans(RUN.job, RUN.run)


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a chunk of three attempts, an activity, and an earlier run of another job."""
    folder = tmp_path_factory.mktemp("telemetry")
    tracing = Tracing(Destinations(folder=folder))
    for span in spans_of(retried()):
        tracing.emit(span)
    tracing.emit(Span("submit_chunk", REFS.work("c00000"), 102.2, 102.4))
    later = {"atelier.node": "", "atelier.task": "c00000-a3"}
    tracing.emit(Span("a_later_stage", REFS.task("c00000-a3"), 113.0, 114.0, attributes=later))
    other = RunSpans("other", 1)
    tracing.emit(Span("job", None, 50.0, 60.0, other.root, {"atelier.job": "other"}))
    tracing.flush(10)
    tracing.close()
    return folder / "traces.jsonl"


def test_the_run_that_began_last_is_read_or_the_one_that_is_asked_for(traces: Path) -> None:
    told = read_run(traces)
    assert (told[0].name, told[0].about["job"], told[0].begin, told[0].end) == ("job", RUN.job, 0.0, 22.0)
    assert [span.name for span in read_run(traces, "other")] == ["job"]
    with pytest.raises(TraceError, match=r"no finished run of nobody; it holds: clip-0123, other"):
        read_run(traces, "nobody")


def test_lanes_are_the_workflow_the_app_what_waited_and_each_node(traces: Path) -> None:
    picture = timeline.picture_of(read_run(traces))
    groups = [lane.group for lane in picture.lanes if lane.group]
    assert groups == ["workflow", "app", "waiting", "node 1", "some node"]
    tasks = {bar.label: bar for lane in picture.lanes if lane.name == "task" for bar in lane.bars}
    failed = {label: bar.failed for label, bar in tasks.items()}
    assert failed == {"c0": True, "c0 attempt 2": True, "c0 attempt 3": False}
    assert tasks["c0 attempt 3"].begin == 13.0, "what it waited is in the lane above"
    names = [lane.name for lane in picture.lanes]
    assert names[names.index("task") :] == [
        "task",
        "unknown",
        *["task", "start", "decode", "score", "upload", "a_later_stage"],
    ]


def test_bars_have_the_colours_of_the_legend_and_failures_their_own(traces: Path, tmp_path: Path) -> None:
    out = tmp_path / "timeline.png"
    assert timeline.main([str(traces), str(out)]) == 0
    with Image.open(out) as image:
        assert image.width == WIDTH * SCALE
        colors = {color for _, color in image.getcolors(maxcolors=1 << 24) or []}
    expected = (FAILED, *(COLORS[kind][0] for kind in ("scoring", "app", "queue", "task", "decode", "score", "upload")))
    assert {tuple(bytes.fromhex(color[1:])) for color in expected} <= colors


def test_a_file_without_a_run_is_an_error_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty.jsonl").write_text("")
    assert timeline.main([str(tmp_path / "empty.jsonl"), str(tmp_path / "x.png")]) == 1
    assert "holds no finished run of any job" in capsys.readouterr().err
