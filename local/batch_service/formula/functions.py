"""Functions and sample methods of the language."""

import math
from collections.abc import Callable

from local.batch_service.formula.values import FormulaError, Interval, SampleError, Samples, Value, as_number, flatten


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _deviation(values: list[float]) -> float:
    mean = _mean(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))


_FUNCTIONS: dict[str, Callable[[list[float]], float]] = {
    "min": min,
    "max": max,
    "avg": _mean,
    "sum": lambda values: float(sum(values)),
    "len": lambda values: float(len(values)),
    "std": _deviation,
    "lg": lambda values: math.log2(values[0]),
    "ln": lambda values: math.log(values[0]),
    "log": lambda values: math.log10(values[0]),
    "floor": lambda values: float(math.floor(values[0])),
    "ceil": lambda values: float(math.ceil(values[0])),
    "round": lambda values: float(math.floor(values[0] + 0.5)),
    "abs": lambda values: abs(values[0]),
}


def call_function(name: str, arguments: list[Value]) -> Value:
    """Raises FormulaError for an unknown function, an empty vector or a value outside the function's domain."""
    if name == "val":
        return _element(arguments)
    function = _FUNCTIONS.get(name)
    if function is None:
        raise FormulaError(f"unknown function {name!r}")
    numbers = flatten(arguments)
    if not numbers:
        raise FormulaError(f"{name}() of an empty vector")
    try:
        return function(numbers)
    except ValueError as error:
        raise FormulaError(f"{name}({numbers[0]:g}): {error}") from error


def _element(arguments: list[Value]) -> float:
    if len(arguments) != 2 or not isinstance(arguments[0], list):
        raise FormulaError("val() takes a vector and an index")
    vector, index = arguments[0], int(as_number(arguments[1]))
    if not 0 <= index < len(vector):
        raise FormulaError(f"val(): index {index} is outside a vector of {len(vector)}")
    return vector[index]


def call_method(target: Value, name: str, arguments: list[Value]) -> Value:
    """GetSample, GetSamplePercent or Count of a sampled metric."""
    if not isinstance(target, Samples):
        raise FormulaError(f"{name}() needs a sampled metric")
    if name == "GetSample":
        return _get_sample(target, arguments)
    if name == "GetSamplePercent":
        return target.percent(_bounds(name, arguments))
    if name == "Count":
        return float(len(target.values))
    raise FormulaError(f"unknown method {name!r}; known: GetSample, GetSamplePercent, Count")


def _get_sample(metric: Samples, arguments: list[Value]) -> list[float]:
    """GetSample(count), GetSample(lookback), GetSample(from, to) or GetSample(from, to, least percent)."""
    if arguments and not isinstance(arguments[0], Interval):
        found = [value for _, value in metric.values[: int(as_number(arguments[0]))]]
    else:
        bounds = _bounds("GetSample", arguments[:2])
        if len(arguments) == 3 and metric.percent(bounds) < as_number(arguments[2]):
            raise SampleError("GetSample: fewer samples than the requested percentage")
        found = metric.window(bounds)[0]
    if not found:
        raise SampleError("GetSample: insufficient sample data")
    return found


def _bounds(name: str, arguments: list[Value]) -> list[Interval]:
    bounds = [argument for argument in arguments if isinstance(argument, Interval)]
    if not bounds or len(bounds) != len(arguments) or len(bounds) > 2:
        raise FormulaError(f"{name}() takes one or two time intervals")
    return bounds
