"""The functions of Bicep that infra/ calls, as Azure documents them, and no others."""

import hashlib
import ipaddress
import json
import re
import uuid
from collections.abc import Callable
from typing import Any

from tests.infra.bicep.syntax import BicepError

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"


def _digest(*parts: Any) -> str:
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()


def text(value: Any) -> str:
    """What interpolation makes of a value."""
    if isinstance(value, bool):
        return "True" if value else "False"
    if isinstance(value, int | str):
        return str(value)
    raise BicepError(f"not to be put into a string: {value!r}")


def _string(value: Any) -> str:
    return json.dumps(value) if isinstance(value, list | dict) else text(value)


def _union(*values: Any) -> Any:
    """Objects: later ones win. Arrays: each item once, in order."""
    if all(isinstance(value, dict) for value in values):
        return {key: item for value in values for key, item in value.items()}
    found: list[Any] = []
    for item in (item for value in values for item in value):
        found += [] if item in found else [item]
    return found


def _to_object(items: list[Any], key: Callable[..., Any], value: Callable[..., Any] = lambda item: item) -> Any:
    return {key(item): value(item) for item in items}


def _cidr_subnet(prefix: str, length: int, index: int) -> str:
    subnets = list(ipaddress.ip_network(prefix).subnets(new_prefix=length))
    if index >= len(subnets):
        raise BicepError(f"{prefix} has no {index + 1} subnets of /{length}")
    return str(subnets[index])


def _resource_id(scope: str) -> Callable[..., str]:
    def make(kind: str, *names: str) -> str:
        provider, *kinds = kind.split("/")
        if len(kinds) != len(names):
            raise BicepError(f"resourceId({kind!r}, ...): {len(kinds)} names are needed, not {len(names)}")
        pairs = "/".join(f"{kind}/{name}" for kind, name in zip(kinds, names, strict=True))
        return f"{scope}/providers/{provider}/{pairs}"

    return make


def _list_keys(resource: str, version: str) -> dict[str, Any]:
    if not re.fullmatch(r"\d{4}-\d\d-\d\d(-preview)?", version):
        raise BicepError(f"listKeys: {version!r} is no API version")
    return {"systemKeys": {"blobs_extension": f"<key of {resource}>"}}


def library(group: str | None, location: str) -> dict[str, Callable[..., Any]]:
    """By name. `group` is the resource group that is deployed to, None for the subscription."""
    subscription = f"/subscriptions/{SUBSCRIPTION}"
    in_group = f"{subscription}/resourceGroups/{group}"
    known: dict[str, Callable[..., Any]] = {
        "cidrSubnet": _cidr_subnet,
        "empty": lambda value: value is None or len(value) == 0,
        "environment": lambda: {"suffixes": {"storage": "core.windows.net"}},
        "flatten": lambda lists: [item for items in lists for item in items],
        "guid": lambda *parts: str(uuid.UUID(_digest(*parts)[:32])),
        "listKeys": _list_keys,
        "map": lambda items, function: [function(item) for item in items],
        "replace": lambda whole, old, new: whole.replace(old, new),
        "split": lambda whole, by: whole.split(by),
        "string": _string,
        "subscription": lambda: {"id": subscription, "subscriptionId": SUBSCRIPTION},
        "subscriptionResourceId": _resource_id(subscription),
        "toLower": lambda value: value.lower(),
        "toObject": _to_object,
        "union": _union,
        "uniqueString": lambda *parts: _digest(*parts)[:13],
    }
    if group is not None:
        known["resourceId"] = _resource_id(in_group)
        known["resourceGroup"] = lambda: {"id": in_group, "name": group, "location": location}
    return known
