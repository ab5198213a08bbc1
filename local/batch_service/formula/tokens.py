"""Splits a formula into tokens."""

import re
from dataclasses import dataclass
from typing import Literal

from local.batch_service.formula.values import FormulaError

Kind = Literal["number", "name", "operator", "end"]

_TOKEN = re.compile(
    r"\s+|//[^\n]*|/\*.*?\*/"
    r"|(?P<number>\d+\.?\d*)"
    r"|(?P<name>\$?[A-Za-z_]\w*)"
    r"|(?P<operator>&&|\|\||[<>=!]=|[-+*/<>=!?:;,().])",
    re.DOTALL,
)


@dataclass(frozen=True)
class Token:
    kind: Kind
    text: str


def tokenize(formula: str) -> list[Token]:
    """Tokens, closed by one of kind "end". Raises FormulaError at a character outside the language."""
    tokens: list[Token] = []
    position = 0
    while position < len(formula):
        match = _TOKEN.match(formula, position)
        if match is None:
            raise FormulaError(f"unexpected character {formula[position]!r} at position {position}")
        kinds: tuple[Kind, ...] = ("number", "name", "operator")
        tokens += [Token(kind, match[kind]) for kind in kinds if match[kind] is not None]
        position = match.end()
    return [*tokens, Token("end", "end of the formula")]
