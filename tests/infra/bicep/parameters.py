"""Parameters of a template: given or defaulted, of their type, within their bounds."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.infra.bicep.syntax import BicepError, Declaration, Source

_TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "bool": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string[]": lambda value: isinstance(value, list) and all(isinstance(item, str) for item in value),
}
_BOUNDS: dict[str, Callable[[Any, Any], bool]] = {
    "allowed": lambda value, bound: value in bound,
    "minValue": lambda value, bound: value >= bound,
    "maxValue": lambda value, bound: value <= bound,
    "minLength": lambda value, bound: len(value) >= bound,
    "maxLength": lambda value, bound: len(value) <= bound,
}


def bind(source: Source, given: Mapping[str, Any], evaluate: Callable[[Any], Any]) -> dict[str, Any]:
    """A value for each parameter.

    Raises:
        BicepError: one is missing, unknown, of another type or out of bounds; the message names it and its value.
    """
    declared = {param.name: param for param in source.of("param")}
    if unknown := given.keys() - declared.keys():
        raise BicepError(f"{source.path.name} has no parameter {', '.join(sorted(unknown))}")
    values: dict[str, Any] = {}
    for name, param in declared.items():
        if name not in given and param.value is None:
            raise BicepError(f"{source.path.name}: parameter {name} is not given")
        values[name] = given[name] if name in given else evaluate(param.value)
        _check(source, param, values[name], evaluate)
    return values


def _check(source: Source, param: Declaration, value: Any, evaluate: Callable[[Any], Any]) -> None:
    where = f"{source.path.name}: parameter {param.name} is {value!r}"
    if not _TYPES[param.type](value):
        raise BicepError(f"{where}, not of type {param.type}")
    for bound, holds in _BOUNDS.items():
        if bound in param.decorators and not holds(value, limit := evaluate(param.decorators[bound][0])):
            raise BicepError(f"{where}; {bound} is {limit!r}")
