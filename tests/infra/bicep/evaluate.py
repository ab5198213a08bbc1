"""Evaluates a template with its modules into the resources that it would deploy, as Azure would get them."""

import json
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.infra.bicep.functions import SUBSCRIPTION, library, text
from tests.infra.bicep.parameters import bind
from tests.infra.bicep.runtime import told
from tests.infra.bicep.syntax import BicepError, Declaration, Expression, Source, parse

LOCATION = "westeurope"
_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
}
_ABSENT = object()


@dataclass(frozen=True)
class Resource:
    """One resource that is deployed, or (`existing`) expected to be there. `body` is what ARM is given."""

    type: str
    api: str
    name: str
    id: str
    scope: str  # id of what an extension resource (a role, a diagnostic setting) is about, else ""
    body: dict[str, Any]
    existing: bool
    file: str


@dataclass(frozen=True)
class Deployment:
    resources: tuple[Resource, ...]
    outputs: dict[str, Any]

    def of(self, kind: str) -> list[Resource]:
        return [found for found in self.resources if found.type == kind and not found.existing]

    def one(self, kind: str) -> Resource:
        (found,) = self.of(kind)
        return found


def deploy(path: Path, parameters: Mapping[str, Any], group: str | None = None) -> Deployment:
    """What `path` deploys with `parameters`.

    Raises:
        BicepError: what a compiler or Azure would refuse, as far as it is checked here.
    """
    return _Template(_source(path), parameters, group).deployment()


@cache
def _source(path: Path) -> Source:
    return parse(path)


class _Template:
    """One template in one deployment; symbols are evaluated when they are first asked for."""

    def __init__(self, source: Source, parameters: Mapping[str, Any], group: str | None) -> None:
        self._source, self._group = source, group
        self._library = library(group, LOCATION) | {"loadTextContent": self._load, "loadJsonContent": self._load_json}
        self._values: dict[str, Any] = {}
        self._pending: set[str] = set()
        self._found: list[Resource] = []
        self._values |= bind(source, parameters, lambda value: self._value(value, {}))

    def deployment(self) -> Deployment:
        for declared in self._source.of("resource", "module", "var"):
            self._symbol(declared.name)
        outputs = {declared.name: self._value(declared.value, {}) for declared in self._source.of("output")}
        return Deployment(tuple(self._found), outputs)

    def _load(self, name: str) -> str:
        return (self._source.path.parent / name).read_text()

    def _load_json(self, name: str) -> Any:
        return json.loads(self._load(name))

    def _symbol(self, name: str) -> Any:
        if name not in self._values:
            declared = self._source.declarations.get(("symbol", name))
            if declared is None:
                raise BicepError(f"{self._source.path.name}: {name!r} is not declared")
            if name in self._pending:
                raise BicepError(f"{self._source.path.name}: {name!r} depends on itself")
            self._pending.add(name)
            self._values[name] = self._declared(declared)
        return self._values[name]

    def _declared(self, declared: Declaration) -> Any:
        if declared.kind == "var":
            return self._value(declared.value, {})
        make = self._module if declared.kind == "module" else self._resource
        return self._unrolled(declared, declared.value, {}, make)

    def _unrolled(self, declared: Declaration, value: Any, scope: dict[str, Any], make: Callable[..., Any]) -> Any:
        """Loops and conditions around a resource or module; None where a condition is false."""
        if value[0] == "for":
            return [self._unrolled(declared, value[4], each, make) for each in self._loop(value, scope)]
        if value[0] == "if":
            return self._unrolled(declared, value[2], scope, make) if self._value(value[1], scope) else None
        return make(declared, value, scope)

    def _loop(self, loop: Expression, scope: dict[str, Any]) -> list[dict[str, Any]]:
        _, item, index, over, _ = loop
        numbered = {} if index is None else {index: 0}
        return [
            scope | {item: found} | dict.fromkeys(numbered, number)
            for number, found in enumerate(self._value(over, scope))
        ]

    def _module(self, declared: Declaration, value: Expression, scope: dict[str, Any]) -> dict[str, Any]:
        body = {key[1][0]: item for key, item in value[1]}
        self._check_dependencies(body.pop("dependsOn", None))
        group = self._value(body.pop("scope"), scope)["name"]
        parameters = self._value(body.pop("params"), scope)
        self._value(body.pop("name"), scope)
        if body:
            raise BicepError(f"{self._source.path.name}: module {declared.name} has {', '.join(body)}")
        inner = deploy(self._source.path.parent / declared.type, parameters, group)
        self._found += inner.resources
        return {"outputs": inner.outputs}

    def _resource(self, declared: Declaration, value: Expression, scope: dict[str, Any]) -> dict[str, Any]:
        kind, _, version = declared.type.partition("@")
        special = {key[1][0]: item for key, item in value[1] if key[1][0] in ("parent", "scope", "dependsOn")}
        self._check_dependencies(special.pop("dependsOn", None))
        plain = [(key, item) for key, item in value[1] if key[1][0] not in ("parent", "scope", "dependsOn")]
        body: dict[str, Any] = self._value(("object", plain), scope)
        name, above = body["name"], ""
        if "parent" in special:
            parent = self._value(special["parent"], scope)
            if kind.rpartition("/")[0] != parent["type"]:
                raise BicepError(f"{self._source.path.name}: {declared.name} cannot be a child of {parent['type']}")
            name = f"{parent['full name']}/{name}"
        if "scope" in special:
            above = self._value(special["scope"], scope)["id"]
        found = Resource(kind, version, name, self._id(kind, name, above), above, body, declared.existing, self._file)
        self._found.append(found)
        properties = body.get("properties", {}) | told(kind, name)
        # `.name` of a child is its own; "full name" cannot be written in Bicep.
        return body | {"id": found.id, "full name": name, "type": kind, "properties": properties}

    @property
    def _file(self) -> str:
        return self._source.path.name

    def _id(self, kind: str, name: str, scope: str) -> str:
        if kind == "Microsoft.Resources/resourceGroups":
            return f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{name}"
        if not scope:
            return self._library["resourceId"](kind, *name.split("/"))
        provider, kinds = kind.split("/", 1)
        return f"{scope}/providers/{provider}/{kinds}/{name}"

    def _check_dependencies(self, value: Expression | None) -> None:
        for item in value[1] if value else []:
            if item[0] != "name" or ("symbol", item[1]) not in self._source.declarations:
                raise BicepError(f"{self._file}: dependsOn names {item!r}, which is no resource")

    def _value(self, expression: Any, scope: dict[str, Any]) -> Any:
        match expression:
            case ("number" | "bool", value):
                return value
            case ("null",):
                return None
            case ("text", parts):
                return "".join(part if isinstance(part, str) else text(self._value(part, scope)) for part in parts)
            case ("name", name):
                return scope[name] if name in scope else self._symbol(name)
            case ("list", items):
                return [self._value(item, scope) for item in items]
            case ("object", pairs):
                return {self._value(key, scope): self._value(item, scope) for key, item in pairs}
            case ("for", _, _, _, body):
                return [self._value(body, each) for each in self._loop(tuple(expression), scope)]
            case ("member", of, name):
                return self._member(of, self._value(of, scope), name)
            case ("index", of, index):
                return self._member(of, self._value(of, scope), self._value(index, scope))
            case ("choice", condition, then, otherwise):
                return self._value(then if self._value(condition, scope) else otherwise, scope)
            case ("unary", "!", of):
                return not self._value(of, scope)
            case ("binary", "&&" | "||" as symbol, left, right):
                first = self._value(left, scope)
                return self._value(right, scope) if bool(first) == (symbol == "&&") else first
            case ("binary", symbol, left, right):
                return _BINARY[symbol](self._value(left, scope), self._value(right, scope))
            case ("lambda", names, body):
                return lambda *given: self._value(body, scope | dict(zip(names, given, strict=True)))
            case ("call", name, arguments):
                return self._call(name, [self._value(argument, scope) for argument in arguments])
        raise BicepError(f"{self._file}: not understood: {expression!r}")

    def _call(self, name: str, arguments: list[Any]) -> Any:
        if name not in self._library:
            raise BicepError(f"{self._file}: function {name} is unknown here (tests/infra/bicep/functions.py)")
        return self._library[name](*arguments)

    def _member(self, of: Expression, value: Any, name: Any) -> Any:
        if value is None:
            raise BicepError(f"{self._file}: {of!r} is not deployed, but .{name} of it is read")
        found = value.get(name, _ABSENT) if isinstance(value, dict) else value[name]
        if found is _ABSENT:
            raise BicepError(f"{self._file}: {of!r} has no {name!r}; it has {', '.join(map(str, value))}")
        return found
