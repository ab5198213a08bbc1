"""The OData subset of list operations: $filter and $select.

filter     := conjunction ("or" conjunction)*
conjunction := condition ("and" condition)*
condition  := "not" condition | "(" filter ")" | function "(" path "," string ")" | path operator literal
"""

import operator
import re
from collections.abc import Callable
from typing import Any

from local.batch_service.errors import BadRequest, invalid_query

Predicate = Callable[[dict[str, Any]], bool]
_TOKEN = re.compile(
    r"\s*(?:(?P<time>[Dd]ate[Tt]ime'[^']*')|(?P<string>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<word>[A-Za-z_][\w/]*)|(?P<mark>[(),]))"
)
_FUNCTIONS: dict[str, Callable[[str, str], bool]] = {
    "startswith": str.startswith,
    "endswith": str.endswith,
    "contains": str.__contains__,
}
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
}
_CONSTANTS = {"true": True, "false": False, "null": None}


def compile_filter(text: str) -> Predicate:
    """A test of a JSON view. Strings compare without case, as in Batch. Raises BadRequest for what it cannot read."""
    return _Parser(text).parse()


def select(view: dict[str, Any], names: str | None) -> dict[str, Any]:
    """The view's chosen properties; "a/b" chooses all of a. No names: everything."""
    if not names:
        return view
    chosen = {name.strip().split("/")[0] for name in names.split(",")}
    return {name: value for name, value in view.items() if name in chosen}


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._tokenize(text.strip())
        self._position = 0

    def _refuse(self, reason: str) -> BadRequest:
        return invalid_query("$filter", f"{reason} in {self._text!r}")

    def _tokenize(self, text: str) -> list[tuple[str, str]]:
        tokens, position = [], 0
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None or match.lastgroup is None:
                raise self._refuse(f"unexpected {text[position:].lstrip()[0]!r} after position {position}")
            tokens.append((match.lastgroup, match[match.lastgroup]))
            position = match.end()
        return [*tokens, ("end", "")]

    def _take(self, expected: str | None = None) -> tuple[str, str]:
        token = self._tokens[self._position]
        if expected is not None and token[1] != expected:
            raise self._refuse(f"expected {expected!r}, found {token[1] or 'the end'!r}")
        if token[0] != "end":
            self._position += 1
        return token

    def _at(self, word: str) -> bool:
        return self._tokens[self._position] in (("word", word), ("mark", word))

    def parse(self) -> Predicate:
        predicate = self._any()
        kind, text = self._take()
        if kind != "end":
            raise self._refuse(f"unexpected {text!r}")
        return predicate

    def _any(self) -> Predicate:
        parts = [self._all()]
        while self._at("or"):
            self._take()
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else lambda view: any(part(view) for part in parts)

    def _all(self) -> Predicate:
        parts = [self._condition()]
        while self._at("and"):
            self._take()
            parts.append(self._condition())
        return parts[0] if len(parts) == 1 else lambda view: all(part(view) for part in parts)

    def _condition(self) -> Predicate:
        if self._at("("):
            self._take()
            inside = self._any()
            self._take(")")
            return inside
        if self._at("not"):
            self._take()
            negated = self._condition()
            return lambda view: not negated(view)
        kind, word = self._take()
        if kind != "word":
            raise self._refuse(f"expected a property, found {word or 'the end'!r}")
        return self._function(word) if word in _FUNCTIONS else self._comparison(word)

    def _function(self, name: str) -> Predicate:
        test = _FUNCTIONS[name]
        self._take("(")
        path = self._take()[1].split("/")
        self._take(",")
        sought = self._literal()
        self._take(")")
        return lambda view: test(str(_read(view, path) or "").lower(), str(sought).lower())

    def _comparison(self, name: str) -> Predicate:
        path, symbol, literal = name.split("/"), self._take()[1], _comparable(self._literal())
        if symbol == "eq":
            return lambda view: _comparable(_read(view, path)) == literal
        if symbol == "ne":
            return lambda view: _comparable(_read(view, path)) != literal
        if symbol not in _OPERATORS:
            raise self._refuse(f"unknown operator {symbol!r}")
        compare = _OPERATORS[symbol]
        return lambda view: _ordered(compare, _comparable(_read(view, path)), literal)

    def _literal(self) -> str | float | bool | None:
        kind, text = self._take()
        if kind == "string":
            return text[1:-1].replace("''", "'")
        if kind == "time":
            return text[len("datetime'") : -1]
        if kind == "number":
            return float(text)
        if kind == "word" and text in _CONSTANTS:
            return _CONSTANTS[text]
        raise self._refuse(f"expected a value, found {text or 'the end'!r}")


def _read(view: Any, path: list[str]) -> Any:
    for name in path:
        view = view.get(name) if isinstance(view, dict) else None
    return view


def _comparable(value: Any) -> Any:
    """Strings without case and closing Z (2026-01-01T00:00:00Z sorts before ...00.5Z), numbers as floats."""
    if isinstance(value, str):
        return value.lower().removesuffix("z")
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value


def _ordered(compare: Callable[[Any, Any], bool], value: Any, literal: Any) -> bool:
    """Order exists between two strings or two numbers; anything else does not match."""
    return type(value) is type(literal) and value is not None and compare(value, literal)
