"""Route templates of HTTP functions: `jobs/{id:int}/{part?}`, `files/{*path}`, with ASP.NET's constraints and order."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote

from local.functions_host.errors import AppLoadError

Check = Callable[[str], bool]

_PARAMETER = re.compile(r"\{(\*{0,2})(\w+)((?::[^{}?=]+(?:\([^)]*\))?)*)(?:=([^{}?]*))?(\?)?\}")
_CONSTRAINT = re.compile(r":(\w+)(?:\(([^)]*)\))?")


def _is_date(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _matching(pattern: str) -> Check:
    compiled = re.compile(pattern)
    return lambda text: compiled.fullmatch(text) is not None


_NUMBER = r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?"
_PLAIN: dict[str, Check] = {
    "int": lambda text: re.fullmatch(r"-?\d+", text) is not None and -(2**31) <= int(text) < 2**31,
    "long": lambda text: re.fullmatch(r"-?\d+", text) is not None and -(2**63) <= int(text) < 2**63,
    "bool": _matching(r"(?i:true|false)"),
    "alpha": _matching(r"[A-Za-z]*"),
    "guid": _matching(r"[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}"),
    "float": _matching(_NUMBER),
    "double": _matching(_NUMBER),
    "decimal": _matching(_NUMBER),
    "datetime": _is_date,
    "required": bool,
}


def _integer(text: str) -> bool:
    return _PLAIN["long"](text)


def _check(template: str, name: str, argument: str | None) -> Check:
    """The test behind one constraint. Raises AppLoadError for one that ASP.NET does not know."""
    if argument is None and name in _PLAIN:
        return _PLAIN[name]
    try:
        numbers = [int(one) for one in argument.split(",")] if argument and name != "regex" else []
        match name, numbers:
            case "regex", _ if argument:
                return _matching(f".*(?:{argument}).*")
            case "length", [low, high]:
                return lambda text: low <= len(text) <= high
            case "length", [size]:
                return lambda text: len(text) == size
            case "minlength", [low]:
                return lambda text: len(text) >= low
            case "maxlength", [high]:
                return lambda text: len(text) <= high
            case "min", [low]:
                return lambda text: _integer(text) and int(text) >= low
            case "max", [high]:
                return lambda text: _integer(text) and int(text) <= high
            case "range", [low, high]:
                return lambda text: _integer(text) and low <= int(text) <= high
            case _:
                pass
    except (ValueError, re.error) as error:
        raise AppLoadError(f"route {template!r}: constraint {name}({argument}): {error}") from error
    known = ", ".join([*sorted(_PLAIN), "length, minlength, maxlength, min, max, range, regex"])
    raise AppLoadError(f"route {template!r}: unknown constraint {name!r}; known: {known}")


@dataclass(frozen=True)
class Segment:
    """One part of a template between slashes: a pattern over one part of a path, or over all the rest."""

    pattern: re.Pattern[str]
    checks: tuple[tuple[str, Check], ...]
    optional: bool
    rest: bool
    defaults: tuple[tuple[str, str], ...]
    rank: int  # 1 literal, 2 constrained, 3 plain, 4 and 5 the same for catch-alls: lower is tried first

    def match(self, text: str) -> dict[str, str] | None:
        """The parameters in `text`, or None."""
        found = self.pattern.fullmatch(text)
        if found is None:
            return None
        values = {name: value for name, value in found.groupdict().items() if value is not None}
        return values if all(check(values[name]) for name, check in self.checks if name in values) else None


def _segment(template: str, text: str) -> Segment:
    regex, end = "", 0
    checks: list[tuple[str, Check]] = []
    defaults: list[tuple[str, str]] = []
    optional = rest = parameters = False
    for one in _PARAMETER.finditer(text):
        stars, name, constraints, default, mark = one.groups()
        parameters, rest, optional = True, rest or bool(stars), optional or bool(mark) or default is not None
        regex += re.escape(text[end : one.start()]) + f"(?P<{name}>{'.*' if stars else '.+'})"
        end = one.end()
        checks += [(name, _check(template, c[1], c[2])) for c in _CONSTRAINT.finditer(constraints)]
        if default is not None:
            defaults.append((name, default))
    literal = text[end:]
    if "{" in literal or "}" in literal:
        raise AppLoadError(f"route {template!r}: cannot read {text!r}; write a parameter as {{name}} or {{name:int}}")
    rank = 1 if not parameters else (2 if checks else 3) + (2 if rest else 0)
    pattern = re.compile(regex + re.escape(literal), re.IGNORECASE | re.DOTALL)
    return Segment(pattern, tuple(checks), optional or rest, rest, tuple(defaults), rank)


class Route:
    """A compiled template. `order` sorts routes so that the first match is the most specific."""

    def __init__(self, template: str) -> None:
        """Raises AppLoadError for a template or constraint that cannot be read."""
        self.template = template
        self._segments = [_segment(template, text) for text in template.strip("/").split("/") if text]
        self.order = tuple(one.rank for one in self._segments)

    def match(self, raw_path: str) -> dict[str, str] | None:
        """The route parameters of a percent-encoded path, decoded; None where the path does not match."""
        parts = [unquote(part) for part in raw_path.strip("/").split("/")] if raw_path.strip("/") else []
        values: dict[str, str] = {}
        for place, segment in enumerate(self._segments):
            values |= dict(segment.defaults)
            if place >= len(parts):
                if not segment.optional:
                    return None
                continue
            found = segment.match("/".join(parts[place:]) if segment.rest else parts[place])
            if found is None:
                return None
            values |= found
            if segment.rest:
                return values
        return values if len(parts) <= len(self._segments) else None
