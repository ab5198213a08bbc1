import pytest

from local.batch_service.formula import FormulaError, SampleError, Samples, evaluate


def _samples(*values: float) -> Samples:
    """Newest first, 30 seconds apart, the newest 15 seconds old."""
    return Samples(tuple((15.0 + 30.0 * number, value) for number, value in enumerate(values)))


def _value(expression: str, **metrics: Samples) -> object:
    return evaluate(f"x = {expression};", metrics)["x"]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 + 2 * 3", 7.0),
        ("(1 + 2) * 3", 9.0),
        ("10 - 3 - 2", 5.0),
        ("-2 + 5", 3.0),
        ("7 / 2", 3.5),
        ("1 < 2", 1.0),
        ("2 <= 1", 0.0),
        ("1 == 1 && !(2 > 3)", 1.0),
        ("0 || 0", 0.0),
        ("1 > 2 ? 10 : 20", 20.0),
        ("1 ? 0 ? 1 : 2 : 3", 2.0),
        ("min(3, 1, 2)", 1.0),
        ("max(avg(1, 3), sum(1, 2))", 3.0),
        ("floor(2.7) + ceil(2.1) + round(2.5)", 8.0),
        ("abs(-4) + len(1, 2)", 6.0),
        ("std(2, 4)", 1.0),
        ("lg(8) + log(100)", 5.0),
        ("TimeInterval_Hour / TimeInterval_Minute", 60.0),
        ("2 * TimeInterval_Minute > TimeInterval_Second", 1.0),
        ("1 + // a comment\n 2 /* and\nanother */", 3.0),
        ("taskcompletion", "taskcompletion"),
    ],
)
def test_expressions(expression: str, value: object) -> None:
    assert _value(expression) == value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("$PendingTasks", 4.0),
        ("$PendingTasks.GetSample(2)", [4.0, 3.0]),
        ("$PendingTasks.GetSample(TimeInterval_Minute)", [4.0, 3.0]),
        ("$PendingTasks.GetSample(TimeInterval_Minute, 2 * TimeInterval_Minute)", [2.0, 1.0]),
        ("max($PendingTasks.GetSample(2 * TimeInterval_Minute))", 4.0),
        ("val($PendingTasks.GetSample(4), 3)", 1.0),
        ("sum($PendingTasks.GetSample(2) * 2 + 1)", 16.0),
        ("sum($PendingTasks.GetSample(2) - $PendingTasks.GetSample(2))", 0.0),
        ("$PendingTasks.GetSamplePercent(2 * TimeInterval_Minute)", 100.0),
        ("$PendingTasks.GetSamplePercent(4 * TimeInterval_Minute)", 50.0),
        ("$PendingTasks.Count()", 4.0),
    ],
)
def test_samples(expression: str, value: object) -> None:
    assert _value(expression, PendingTasks=_samples(4, 3, 2, 1)) == value


@pytest.mark.parametrize(
    "expression",
    [
        "$PendingTasks",
        "$PendingTasks.GetSample(1)",
        "$PendingTasks.GetSample(TimeInterval_Hour)",
        "$PendingTasks.GetSample(TimeInterval_Zero, TimeInterval_Hour, 70)",
    ],
)
def test_missing_samples_are_told_apart(expression: str) -> None:
    with pytest.raises(SampleError):
        _value(expression, PendingTasks=Samples())


def test_only_the_branch_taken_is_evaluated() -> None:
    guarded = "$PendingTasks.GetSamplePercent(TimeInterval_Minute) < 70 ? 5 : avg($PendingTasks.GetSample(1))"
    assert _value(guarded, PendingTasks=Samples()) == 5.0


@pytest.mark.parametrize(
    ("formula", "told"),
    [
        ("x = 1 + ;", "expected a value, found ';'"),
        ("x = (1;", r"expected '\)', found ';'"),
        ("x = 1 y = 2;", "expected ';', found 'y'"),
        ("1 = 2;", "starts with a variable, found '1'"),
        ("x = 1 ? 2;", "expected ':'"),
        ("x = #;", "unexpected character '#' at position 4"),
        ("x = nope;", "undefined variable 'nope'"),
        ("x = nope(1);", "unknown function 'nope'"),
        ("x = $PendingTasks.Nope();", "unknown method 'Nope'"),
        ("$PendingTasks = 3;", "read-only"),
        ("x = $CPUPercent;", "not sampled by the local Batch service"),
        ("x = 5 + TimeInterval_Minute;", "type mismatch"),
        ("x = 1 / 0;", "division by zero"),
        ("x = taskcompletion + 1;", "a number is needed"),
        ("x = val($PendingTasks.GetSample(1), 9);", "index 9"),
        ("x = lg(0);", "lg"),
        ("x = 1;" * 101, "101 statements"),
        ("x = 1; // " + "x" * 9000, "bytes; the limit is 8192"),
    ],
)
def test_errors_say_what_is_wrong(formula: str, told: str) -> None:
    with pytest.raises(FormulaError, match=told):
        evaluate(formula, {"PendingTasks": _samples(1)})


def test_variables_are_remembered_and_old_names_understood() -> None:
    result = evaluate("a = 2; b = a * a; $TargetDedicated = b;", {}, {"$TargetDedicatedNodes": 1.0})
    assert result == {"a": 2.0, "b": 4.0, "$TargetDedicated": 4.0, "$TargetDedicatedNodes": 4.0}
