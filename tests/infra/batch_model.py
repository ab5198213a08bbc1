"""Holds a resource's body against azure-mgmt-batch 19: what the 2025-06-01 API takes, needs and only tells.

azure-batch's models, of Batch's own API, are written alike and serve too.
"""

import sys
import types
import typing
from enum import Enum
from typing import Any

from azure.mgmt.batch import models

# Which model a resource's type is.
ROOTS = {"Microsoft.Batch/batchAccounts": "BatchAccountCreateParameters", "Microsoft.Batch/batchAccounts/pools": "Pool"}


def problems(kind: str, body: dict[str, Any]) -> list[str]:
    """What the API would refuse, or ignore, in `body` of a resource of type `kind`."""
    # A name is part of the address, not of the body.
    return _model(getattr(models, ROOTS[kind]), {k: v for k, v in body.items() if k != "name"}, kind.split("/")[-1])


def problems_of(model: Any, body: dict[str, Any]) -> list[str]:
    """What the API would refuse, or ignore, in `body` of a `model`."""
    return _model(model, body, model.__name__)


def _model(model: Any, value: Any, path: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{path} is {value!r}, not an object"]
    model({})  # the SDK fills in its table of fields on first use
    fields = {rest._rest_name: (name, rest) for name, rest in model._attr_to_rest_field.items()}
    hints = typing.get_type_hints(model, localns={"_models": _module_of(model)})
    found = [f"{path} has unknown {name!r}" for name in value.keys() - fields.keys()]
    for rest_name, (name, rest) in fields.items():
        read_only, optional = rest._visibility == ["read"], type(None) in typing.get_args(hints[name])
        if rest_name not in value:
            found += [] if optional or read_only else [f"{path} lacks {rest_name!r}"]
        elif read_only:
            found.append(f"{path}.{rest_name} is read-only")
        else:
            found += _any(hints[name], value[rest_name], f"{path}.{rest_name}")
    return found


def _module_of(model: Any) -> types.ModuleType:
    """`azure.batch.models` for a model of azure.batch.models._models."""
    return sys.modules[model.__module__.rpartition(".")[0]]


def _any(hint: Any, value: Any, path: str) -> list[str]:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        # Union[str, SomeEnum, None]: the enum says which strings.
        chosen = [each for each in arguments if each is not type(None)]
        enums = [each for each in chosen if isinstance(each, type) and issubclass(each, Enum)]
        return _any(enums[0] if enums else chosen[0], value, path)
    if origin is list:
        if not isinstance(value, list):
            return [f"{path} is {value!r}, not an array"]
        return [found for number, item in enumerate(value) for found in _any(arguments[0], item, f"{path}[{number}]")]
    if origin is dict:
        return [found for key, item in value.items() for found in _any(arguments[1], item, f"{path}[{key}]")]
    if isinstance(hint, type) and issubclass(hint, Enum):
        return (
            []
            if value in [str(each.value) for each in hint]
            else [f"{path} is {value!r}, which is none of {list(hint)}"]
        )
    if isinstance(hint, type) and hint.__module__.endswith("._models"):
        return _model(hint, value, path)
    return [] if _is_plain(hint, value) else [f"{path} is {value!r}, not of type {hint}"]


def _is_plain(hint: Any, value: Any) -> bool:
    # Times and durations are strings on the wire.
    kinds: dict[Any, type] = {int: int, bool: bool, float: float}
    return isinstance(value, kinds.get(hint, str)) and (hint is bool or not isinstance(value, bool))
