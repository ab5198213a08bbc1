"""Whatever lies on a queue is a message of ours, or is refused with a reason: nothing else can come of it."""

import base64
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.messages import AboutTask, GpuResult, GpuTask
from triggers.gpu_messages import MAX_BYTES, NotAMessage, decode, parse, run_of

KINDS = (GpuTask, GpuResult)
GOOD: dict[str, Any] = {
    "version": 1,
    "job": "clip-0123456789abcdef",
    "task": "c00003-a2",
    "chunk": 3,
    "attempt": 2,
    "instance_id": "clip-0123456789abcdef:r1:c00003",
}
TASK, RESULT = GOOD | {"run": 1}, GOOD | {"outcome": "succeeded"}

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([10**400, -(10**30)]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
fields = st.sampled_from([*TASK, *RESULT, "piece", "frames", "bad_frames", "seconds", "reason", "cause", "extra"])
hostile_values = anything | st.sampled_from(
    [
        "../../outputs/x",
        "clip-0123456789abcdef:r1",
        "other-job:r1:c00003",
        "clip-0123456789abcdef:r1:g00000",
        "clip-0123456789abcdef",
        "\x00",
        "x" * 60_000,
        [[5, 2]],
        [[0, 10**30]],
        {"total": 1e308},
        {"total": -1},
        -1,
        0,
        2,
    ]
)


def parsed(body: bytes, kind: type[AboutTask]) -> AboutTask | str:
    try:
        return parse(body, kind)
    except NotAMessage as problem:
        return f"refused: {problem}"


@pytest.mark.parametrize(("kind", "message"), [(GpuTask, TASK), (GpuResult, RESULT)])
def test_an_honest_message_is_read(kind: type[AboutTask], message: dict[str, Any]) -> None:
    body = json.dumps(message).encode()
    assert parse(decode(base64.b64encode(body)), kind).task == "c00003-a2"
    assert run_of(parse(body, kind)).run == 1


def test_a_fit_and_a_piece_are_read() -> None:
    fit = RESULT | {"chunk": None, "task": "fit-a2", "instance_id": f"{GOOD['job']}:r12:model"}
    assert run_of(parse(json.dumps(fit).encode(), GpuResult)).run == 12
    piece = RESULT | {"piece": [100, 149], "task": "c00003-100-149-a2"}
    assert parse(json.dumps(piece).encode(), GpuResult).piece == (100, 149)


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(KINDS))
def test_random_bytes_are_refused(body: bytes, kind: type[AboutTask]) -> None:
    assert isinstance(parsed(body, kind), str)


@settings(max_examples=500, deadline=None)
@given(st.text(max_size=100) | st.binary(max_size=100))
def test_text_is_base64_or_refused(text: str | bytes) -> None:
    raw = text.encode() if isinstance(text, str) else text
    try:
        decoded = decode(raw)
    except NotAMessage:
        return
    assert base64.b64encode(decoded) == raw


@settings(max_examples=300, deadline=None)
@given(anything, st.sampled_from(KINDS))
def test_random_json_is_refused(value: Any, kind: type[AboutTask]) -> None:
    assert isinstance(parsed(json.dumps(value).encode(), kind), str)


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(fields, hostile_values, min_size=1, max_size=3), st.sampled_from(KINDS))
def test_a_message_with_some_fields_forged_is_refused_or_agrees_with_itself(
    forged: dict[str, Any], kind: type[AboutTask]
) -> None:
    message = parsed(json.dumps((TASK if kind is GpuTask else RESULT) | forged).encode(), kind)
    if isinstance(message, str):
        assert len(message) < 4_000
    else:
        assert message.instance_id.startswith(f"{message.job}:r{run_of(message).run}:")


@pytest.mark.parametrize(
    ("forged", "problem"),
    [
        ({"version": 2}, "version"),
        ({"reason": "x" * 2_001}, "reason"),
        ({"device": "x" * MAX_BYTES}, "over the limit"),
        ({"instance_id": "clip-0123456789abcdef"}, "awaits no GPU task"),
        ({"instance_id": "other-0123456789abcdef:r1:c00003"}, "awaits no GPU task"),
        ({"instance_id": "clip-0123456789abcdef:r1:g00003"}, "which awaits this task"),
        ({"instance_id": "clip-0123456789abcdef:r1:c00004"}, "which awaits this task"),
        ({"instance_id": "clip-0123456789abcdef:r1:model"}, "which awaits this task"),
        ({"instance_id": "clip-0123456789abcdef:r0:c00003"}, "awaits no GPU task"),
        ({"instance_id": "clip-0123456789abcdef:r\u0661:c00003"}, "awaits no GPU task"),
        ({"task": "c00003-a1"}, "as chunk, piece and attempt say"),
        ({"piece": [1, 2]}, "as chunk, piece and attempt say"),
        ({"piece": [2, 1]}, "piece"),
        ({"chunk": -3}, "chunk"),
        ({"attempt": 10**4000}, "attempt"),
        ({"frames": [[5, 2]]}, "frames"),
        ({"bad_frames": [[-1, 2]]}, "bad_frames"),
        ({"bad_frames": [[0, 1]] * 501}, "bad_frames"),
        ({"seconds": {"total": 1e300}}, "seconds.total"),
        ({"seconds": {"total": -5}}, "seconds.total"),
        ({"cause": "batch"}, "cause"),
    ],
)
def test_what_a_forged_result_says_is_named(forged: dict[str, Any], problem: str) -> None:
    assert problem in str(parsed(json.dumps(RESULT | forged).encode(), GpuResult))


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 30_000,
        b'{"a":' * 6_000,
        b'{"job": NaN}',
        b'{"chunk": 1e999}',
        b'{"chunk": ' + b"9" * 20_000 + b"}",
        b'{"job": "\\ud800"}',
        b'{"\\ud800": 1}',
        b'{"job": "\xff"}',
        b"",
        b"null",
        json.dumps({f"k{n}": n for n in range(2_000)}).encode(),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_json_made_to_break_a_parser_is_refused(body: bytes, kind: type[AboutTask]) -> None:
    assert isinstance(parsed(body, kind), str)


def test_the_run_of_a_submission_is_that_of_its_instance() -> None:
    assert "run: 2" in str(parsed(json.dumps(TASK | {"run": 2}).encode(), GpuTask))
