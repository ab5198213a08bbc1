"""Evaluates a formula against sampled metrics."""

import operator
from collections.abc import Mapping

from local.batch_service.formula.functions import call_function, call_method
from local.batch_service.formula.syntax import Binary, Call, Conditional, Expression, Method, Name, Number, Unary, parse
from local.batch_service.formula.values import FormulaError, Interval, Samples, Value, as_number

MAX_BYTES = 8 * 1024  # Batch refuses longer formulas
MAX_STATEMENTS = 100
OPTIONS = ("requeue", "terminate", "taskcompletion", "retaineddata")
READ_ONLY = frozenset(
    [
        "ActiveTasks",
        "RunningTasks",
        "PendingTasks",
        "SucceededTasks",
        "FailedTasks",
        "TaskSlotsPerNode",
        "CurrentDedicatedNodes",
        "CurrentLowPriorityNodes",
        "PreemptedNodeCount",
        "UsableNodeCount",
        "SampleNodeCount",
        "CPUPercent",
    ]
)
_UNITS = {
    "Zero": 0.0,
    "100ns": 1e-7,
    "Microsecond": 1e-6,
    "Millisecond": 1e-3,
    "Second": 1.0,
    "Minute": 60.0,
    "Hour": 3600.0,
    "Day": 86400.0,
    "Week": 604800.0,
    "Year": 31536000.0,
}
_ARITHMETIC = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}
_COMPARISON = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_OLD_NAMES = {"$TargetDedicated": "$TargetDedicatedNodes", "$TargetLowPriority": "$TargetLowPriorityNodes"}


def evaluate(
    formula: str, metrics: Mapping[str, Samples], current: Mapping[str, Value] | None = None
) -> dict[str, Value]:
    """Every variable the formula assigns, e.g. {"$TargetDedicatedNodes": 2.0}.

    `metrics` maps names without "$" to their samples; `current` holds the variables' values before the formula runs.
    Raises FormulaError where Batch would refuse the formula, SampleError where samples are missing.
    """
    size = len(formula.encode())
    if size > MAX_BYTES:
        raise FormulaError(f"the formula has {size} bytes; the limit is {MAX_BYTES}")
    statements = parse(formula)
    if len(statements) > MAX_STATEMENTS:
        raise FormulaError(f"the formula has {len(statements)} statements; the limit is {MAX_STATEMENTS}")
    scope: dict[str, Value] = {f"${name}": samples for name, samples in metrics.items()} | dict(current or {})
    assigned: dict[str, Value] = {}
    for statement in statements:
        if statement.name.lstrip("$") in READ_ONLY:
            raise FormulaError(f"{statement.name} is read-only")
        value = _value(statement.expression, scope)
        if isinstance(value, Samples):
            value = value.last()
        for name in (statement.name, _OLD_NAMES.get(statement.name, statement.name)):
            scope[name] = assigned[name] = value
    return assigned


def _value(expression: Expression, scope: Mapping[str, Value]) -> Value:
    match expression:
        case Number(value):
            return value
        case Name(text):
            return _lookup(text, scope)
        case Unary(symbol, operand):
            number = as_number(_value(operand, scope))
            return type(number)(-number) if symbol == "-" else float(not number)
        case Binary(symbol, left, right):
            return _binary(symbol, _value(left, scope), _value(right, scope))
        case Conditional(condition, then, otherwise):
            # Lazy, as the documented guard needs: `GetSamplePercent(...) < 70 ? held : avg(GetSample(...))`.
            return _value(then if as_number(_value(condition, scope)) else otherwise, scope)
        case Call(function, arguments):
            return call_function(function, [_value(argument, scope) for argument in arguments])
        case Method(target, name, arguments):
            return call_method(_lookup(target.text, scope), name, [_value(argument, scope) for argument in arguments])


def _lookup(name: str, scope: Mapping[str, Value]) -> Value:
    if name in scope:
        return scope[name]
    if name in OPTIONS:
        return name
    prefix, _, unit = name.partition("_")
    if prefix == "TimeInterval" and unit in _UNITS:
        return Interval(_UNITS[unit])
    if name.lstrip("$") in READ_ONLY:
        raise FormulaError(f"{name} is not sampled by the local Batch service")
    raise FormulaError(f"undefined variable {name!r}")


def _binary(symbol: str, left: Value, right: Value) -> Value:
    if symbol in _ARITHMETIC:
        return _arithmetic(symbol, left, right)
    if symbol in ("&&", "||"):
        a, b = bool(as_number(left)), bool(as_number(right))
        return float(a and b if symbol == "&&" else a or b)
    return float(_COMPARISON[symbol](as_number(left), as_number(right)))


def _arithmetic(symbol: str, left: Value, right: Value) -> Value:
    """Vectors work element by element, and with a number on either side."""
    if isinstance(left, list) and isinstance(right, list):
        return [_scalar(symbol, a, b) for a, b in zip(left, right, strict=False)]
    if isinstance(left, list):
        return [_scalar(symbol, a, as_number(right)) for a in left]
    if isinstance(right, list):
        return [_scalar(symbol, as_number(left), b) for b in right]
    return _scalar(symbol, as_number(left), as_number(right))


def _scalar(symbol: str, left: float, right: float) -> float:
    intervals = isinstance(left, Interval) + isinstance(right, Interval)
    if (symbol in "+-" and intervals == 1) or (symbol == "*" and intervals == 2):
        raise FormulaError(f"type mismatch: {symbol!r} between these time intervals and doubles")
    if symbol == "/" and right == 0:
        raise FormulaError("division by zero")
    result = float(_ARITHMETIC[symbol](left, right))
    ratio = symbol == "/" and isinstance(right, Interval)
    return Interval(result) if intervals and not ratio else result
