"""The kind of formula that infra deploys, against the situations it is written for."""

import pytest

from local.batch_service.formula import Samples, evaluate
from tests.local.batch_service.formulas import SCALE_TO_ZERO

FORMULA = SCALE_TO_ZERO.format(dedicated=2)


def _samples(values: list[float], youngest: float = 15.0) -> Samples:
    return Samples(tuple((youngest + 30.0 * number, value) for number, value in enumerate(values)))


def _targets(pending: Samples, preempted: Samples, dedicated: float, spot: float) -> tuple[int, int]:
    metrics = {"PendingTasks": pending, "PreemptedNodeCount": preempted}
    result = evaluate(FORMULA, metrics, {"$TargetDedicatedNodes": dedicated, "$TargetLowPriorityNodes": spot})
    found = result["$TargetDedicatedNodes"], result["$TargetLowPriorityNodes"]
    assert isinstance(found[0], float)
    assert isinstance(found[1], float)
    return int(found[0]), int(found[1])


@pytest.mark.parametrize(
    ("situation", "pending", "preempted", "held", "wanted"),
    [
        ("new pool without samples", [], [], (0, 0), (0, 0)),
        ("a burst of 40", [40.0] * 6, [], (0, 0), (2, 6)),
        ("five tasks", [5.0] * 30, [], (0, 0), (0, 5)),
        ("drained five minutes ago", [0.0] * 10 + [6.0] * 20, [], (0, 6), (0, 1)),
        ("idle for twenty minutes", [0.0] * 40 + [9.0], [], (0, 1), (0, 0)),
        ("a gap in the samples", [], [], (0, 4), (0, 4)),
        ("two spot nodes lost for good", [5.0] * 30, [2.0] * 6, (0, 5), (2, 5)),
        ("a spot node lost for a moment", [5.0] * 30, [1.0, 0.0, 0.0, 0.0, 0.0, 0.0], (0, 5), (0, 5)),
    ],
)
def test_targets(
    situation: str, pending: list[float], preempted: list[float], held: tuple[int, int], wanted: tuple[int, int]
) -> None:
    assert _targets(_samples(pending), _samples(preempted), *map(float, held)) == wanted, situation


def test_a_burst_scales_from_zero_to_eight_to_one_to_zero() -> None:
    """Simulated: a step is 30 s, a task takes 3 minutes of a node, samples lag a minute, evaluation every 5 minutes."""
    queue, targets, history = 0.0, (0, 0), []
    pending: list[float] = []
    for step in range(180):
        queue = 60.0 if step == 6 else max(0.0, queue - sum(targets) / 6)
        pending.insert(0, queue)
        if step % 10 == 0:
            targets = _targets(_samples(pending[2:], 75.0), _samples([0.0] * 9), *map(float, targets))
            history.append(sum(targets))
    changes = [now for before, now in zip([-1, *history], history, strict=False) if now != before]
    assert changes[0] == 0
    assert changes[1] == 8
    assert changes[-2:] == [1, 0]
    assert changes[1:] == sorted(changes[1:], reverse=True)
