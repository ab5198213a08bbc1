"""Span ids follow from names."""

import itertools

from contracts.messages import GpuTask
from telemetry.ids import RunSpans, SpanRef

RUN = RunSpans("clip-0123", 1)


def test_whoever_knows_the_names_knows_the_span() -> None:
    assert RunSpans("clip-0123", 1).task("c00001-a1") == RUN.task("c00001-a1")
    # Pinned: a node of one version and an app of another must agree.
    assert RUN.task("c00001-a1").traceparent == "00-47bd3f5847a39048566c7b3f560dba9d-3600b38d830eaf17-01"


def test_no_two_spans_are_one() -> None:
    other = [RunSpans("clip-0123", 2), RunSpans("clip-0124", 1)]
    refs = [RUN.root, RUN.phase("fit"), RUN.work("fit"), RUN.task("fit"), RUN.stage("fit", 0), RUN.stage("fit", 1)]
    refs += [run.root for run in other]
    assert all(a != b for a, b in itertools.combinations(refs, 2))
    assert {ref.trace_id for ref in refs[:6]} == {RUN.trace_id}
    assert len({RUN.trace_id, *(run.trace_id for run in other)}) == 3


def test_a_traceparent_goes_through_a_message_and_back() -> None:
    ref = RUN.task("c00000-a1")
    about = {"job": "clip-0123", "task": "c00000-a1", "chunk": 0, "attempt": 1, "instance_id": "clip-0123:r1:c00000"}
    message = GpuTask.model_validate(about | {"traceparent": ref.traceparent})
    assert SpanRef.parse(message.traceparent) == ref


def test_what_is_no_traceparent_is_passed_over() -> None:
    zero = "0" * 32
    for text in (
        None,
        "",
        "x",
        f"00-{zero}-{'1' * 16}-01",
        f"00-{'1' * 32}-{'0' * 16}-01",
        f"01-{'1' * 32}-{'1' * 16}-01",
    ):
        assert SpanRef.parse(text) is None
