"""Parses a formula into a list of assignments; expressions are small frozen nodes.

statement   := name "=" conditional ";"
conditional := binary ("?" conditional ":" conditional)?
binary      := operators by precedence: || && (comparisons) (+ -) (* /)
primary     := number | name | name "(" arguments ")" | primary "." method "(" arguments ")" | "(" ... ")" | -x | !x
"""

from dataclasses import dataclass

from local.batch_service.formula.tokens import Token, tokenize
from local.batch_service.formula.values import FormulaError

PRECEDENCE = (("||",), ("&&",), ("==", "!=", "<", "<=", ">", ">="), ("+", "-"), ("*", "/"))


@dataclass(frozen=True)
class Number:
    value: float


@dataclass(frozen=True)
class Name:
    text: str


@dataclass(frozen=True)
class Unary:
    operator: str
    operand: "Expression"


@dataclass(frozen=True)
class Binary:
    operator: str
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True)
class Conditional:
    condition: "Expression"
    then: "Expression"
    otherwise: "Expression"


@dataclass(frozen=True)
class Call:
    function: str
    arguments: tuple["Expression", ...]


@dataclass(frozen=True)
class Method:
    target: Name
    name: str
    arguments: tuple["Expression", ...]


Expression = Number | Name | Unary | Binary | Conditional | Call | Method


@dataclass(frozen=True)
class Assignment:
    name: str
    expression: Expression


def parse(formula: str) -> list[Assignment]:
    """The formula's statements in order. Raises FormulaError with what was expected and what was found."""
    return _Parser(tokenize(formula)).statements()


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._position = 0

    @property
    def _next(self) -> Token:
        return self._tokens[self._position]

    def _take(self) -> Token:
        token = self._next
        if token.kind != "end":
            self._position += 1
        return token

    def _at(self, *operators: str) -> bool:
        return self._next.kind == "operator" and self._next.text in operators

    def _expect(self, operator: str) -> None:
        if not self._at(operator):
            raise FormulaError(f"expected {operator!r}, found {self._next.text!r}")
        self._take()

    def statements(self) -> list[Assignment]:
        found: list[Assignment] = []
        while self._next.kind != "end":
            name = self._take()
            if name.kind != "name":
                raise FormulaError(f"a statement starts with a variable, found {name.text!r}")
            self._expect("=")
            found.append(Assignment(name.text, self._conditional()))
            if self._next.kind != "end":
                self._expect(";")
        return found

    def _conditional(self) -> Expression:
        condition = self._binary(0)
        if not self._at("?"):
            return condition
        self._expect("?")
        then = self._conditional()
        self._expect(":")
        return Conditional(condition, then, self._conditional())

    def _binary(self, level: int) -> Expression:
        if level == len(PRECEDENCE):
            return self._primary()
        left = self._binary(level + 1)
        while self._at(*PRECEDENCE[level]):
            operator = self._take().text
            left = Binary(operator, left, self._binary(level + 1))
        return left

    def _primary(self) -> Expression:
        token = self._take()
        if token.kind == "number":
            return Number(float(token.text))
        if token.kind == "name":
            return self._name(token.text)
        if token.kind == "operator" and token.text == "(":
            inside = self._conditional()
            self._expect(")")
            return inside
        if token.kind == "operator" and token.text in ("-", "!"):
            return Unary(token.text, self._primary())
        raise FormulaError(f"expected a value, found {token.text!r}")

    def _name(self, text: str) -> Expression:
        if self._at("("):
            return Call(text, self._arguments())
        if not self._at("."):
            return Name(text)
        self._expect(".")
        return Method(Name(text), self._take().text, self._arguments())

    def _arguments(self) -> tuple[Expression, ...]:
        self._expect("(")
        arguments: list[Expression] = []
        while not self._at(")"):
            arguments.append(self._conditional())
            if not self._at(")"):
                self._expect(",")
        self._expect(")")
        return tuple(arguments)
