"""The ways to run a scorer that a plan weighs."""

import pytest

from activities.execution import executions
from contracts.settings import Settings


@pytest.mark.parametrize(
    ("scorer", "setting", "compiled"),
    [
        ("style-transfer", "auto", [False, True]),
        ("style-transfer", "never", [False]),
        ("style-transfer", "always", [True]),
        ("identity", "auto", [False]),
        ("identity", "always", [False]),
    ],
)
def test_what_can_be_compiled_is_compiled_as_the_setting_says(scorer: str, setting: str, compiled: list[bool]) -> None:
    found = executions(scorer, Settings(score_compile=setting, score_precision="float32", workers_per_task=4))
    assert [execution.compiled for execution in found] == compiled
    assert {(execution.precision, execution.workers) for execution in found} == {("float32", 4)}
