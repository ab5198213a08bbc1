"""Bicep source into a small tree. tree-sitter's grammar does the parsing; no compiler can be had without the network.

    BicepError            what a compiler or a deployment would refuse
    └── BicepSyntaxError  the source does not parse

An expression is a tuple whose first item names it, so that the evaluator matches on shapes:

    ("text", parts)  ("number", n)  ("bool", b)  ("null",)  ("name", text)  ("list", items)  ("object", [(key, value)])
    ("member", of, name)  ("index", of, index)  ("call", name, arguments)  ("lambda", names, body)
    ("unary", op, of)  ("binary", op, left, right)  ("choice", condition, then, otherwise)
    ("for", item, index or None, over, body)  ("if", condition, body)
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

_PARSER = Parser(Language(tree_sitter_bicep.language()))
_ESCAPES = {"\\'": "'", "\\\\": "\\", "\\n": "\n", "\\r": "\r", "\\t": "\t", "\\$": "$"}
_LOOSE = {"lambda_expression", "ternary_expression", "binary_expression", "unary_expression"}

Expression = tuple[Any, ...]


class BicepError(Exception):
    """What a Bicep compiler or a deployment would refuse."""


class BicepSyntaxError(BicepError):
    """The source does not parse."""


@dataclass(frozen=True)
class Declaration:
    """One of param, var, output, resource, module. `type` is a parameter's type, or a resource's type@version."""

    kind: str
    name: str
    type: str
    value: Expression | None
    existing: bool = False
    decorators: dict[str, list[Expression]] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    path: Path
    scope: str
    declarations: dict[tuple[str, str], Declaration]

    def of(self, *kinds: str) -> list[Declaration]:
        return [declared for declared in self.declarations.values() if declared.kind in kinds]


def parse(path: Path) -> Source:
    root = _PARSER.parse(path.read_bytes()).root_node
    if (wrong := _first_error(root)) is not None:
        row, column = wrong.start_point
        raise BicepSyntaxError(f"{path}:{row + 1}:{column + 1}: not Bicep: {_text(wrong)[:80]!r}")
    declarations: dict[tuple[str, str], Declaration] = {}
    scope, decorators = "resourceGroup", dict[str, list[Expression]]()
    for node in root.named_children:
        if node.type == "target_scope_assignment":
            scope = _text(node.named_children[-1]).strip("'")
        elif node.type == "decorators":
            decorators = dict(_decorator(each) for each in node.named_children if each.type == "decorator")
        elif node.type.endswith("_declaration"):
            found = _declaration(node, decorators)
            # Outputs have names of their own; everything else shares one space.
            key = ("output" if found.kind == "output" else "symbol", found.name)
            if key in declarations:
                raise BicepSyntaxError(f"{path}: {found.name!r} is declared twice")
            declarations[key], decorators = found, {}
    return Source(path, scope, declarations)


def _first_error(node: Node) -> Node | None:
    if node.type == "ERROR" or node.is_missing:
        return node
    return next((found for child in node.children if (found := _first_error(child)) is not None), None)


def _text(node: Node) -> str:
    return (node.text or b"").decode()


def _decorator(node: Node) -> tuple[str, list[Expression]]:
    call = _expression(next(child for child in node.named_children if child.type == "call_expression"))
    return call[1], call[2]


_KINDS = {
    "parameter_declaration": "param",
    "variable_declaration": "var",
    "output_declaration": "output",
    "resource_declaration": "resource",
    "module_declaration": "module",
}


def _declaration(node: Node, decorators: dict[str, list[Expression]]) -> Declaration:
    kind = _KINDS[node.type]
    named = [child for child in node.named_children if child.type not in ("comment", "diagnostic_comment")]
    name, rest = _text(named[0]), named[1:]
    kind_of = ""
    if kind in ("param", "output"):
        kind_of, rest = _text(rest[0]), rest[1:]
    if kind in ("resource", "module"):
        kind_of, rest = _text(rest[0]).strip("'"), rest[1:]
    existing = any(child.type == "existing" for child in node.children)
    rest = [child for child in rest if child.type != "existing"]
    value = _expression(rest[-1]) if rest else None
    return Declaration(kind, name, kind_of, value, existing, decorators)


def _expression(node: Node) -> Expression:
    named = [child for child in node.named_children if child.type != "comment"]
    match node.type:
        case "string":
            return ("text", _parts(node))
        case "number":
            return ("number", int(_text(node)))
        case "boolean":
            return ("bool", _text(node) == "true")
        case "null":
            return ("null",)
        case "identifier" | "property_identifier" | "loop_variable" | "loop_enumerator":
            return ("name", _text(node))
        case "parenthesized_expression":
            return _expression(named[0])
        case "array":
            return ("list", [_expression(child) for child in named])
        case "object":
            return ("object", [_property(child) for child in named])
        case "member_expression" | "subscript_expression":
            return _access(node)
        case "call_expression":
            name = _field(node, "function")
            arguments = [child for child in _field(node, "arguments").named_children if child.type != "comment"]
            return ("call", _text(name), [_expression(child) for child in arguments])
        case "lambda_expression":
            names = [_text(child) for child in _leaves(named[0])]
            return ("lambda", names, _expression(named[-1]))
        case "unary_expression":
            return ("unary", _text(_field(node, "operator")), _expression(_field(node, "argument")))
        case "binary_expression":
            sides = _expression(_field(node, "left")), _expression(_field(node, "right"))
            return ("binary", _text(_field(node, "operator")), *sides)
        case "ternary_expression":
            fields = ("condition", "consequence", "alternative")
            return ("choice", *(_expression(_field(node, name)) for name in fields))
        case "for_statement":
            return _loop(node, named)
        case "if_statement":
            return ("if", _expression(named[0]), _expression(named[-1]))
    raise BicepSyntaxError(f"not understood: {node.type} {_text(node)[:80]!r}")


def _field(node: Node, name: str) -> Node:
    found = node.child_by_field_name(name)
    assert found is not None, f"{node.type} lacks {name}"
    return found


def _leaves(node: Node) -> list[Node]:
    return [node] if node.type == "identifier" else [leaf for child in node.named_children for leaf in _leaves(child)]


def _parts(node: Node) -> list[str | Expression]:
    """Literal pieces and expressions. Literals are cut from the source: the grammar drops some of their characters."""
    whole = node.text or b""
    quotes = 3 if whole.startswith(b"'''") else 1
    parts: list[str | Expression] = []
    at, end = quotes, len(whole) - quotes
    for child in (child for child in node.named_children if child.type == "interpolation"):
        parts.append(_literal(whole[at : child.start_byte - node.start_byte], quotes))
        parts.append(_expression(child.named_children[0]))
        at = child.end_byte - node.start_byte
    return [*parts, _literal(whole[at:end], quotes)]


def _literal(source: bytes, quotes: int) -> str:
    text = source.decode()
    if quotes == 3:  # raw, but for the newline after the opening quotes
        return text.removeprefix("\n")
    return re.sub(r"\\.", lambda found: _ESCAPES[found[0]], text)


def _property(node: Node) -> tuple[Expression, Expression]:
    named = [child for child in node.named_children if child.type != "comment"]
    key = _expression(named[0])
    return (("text", [key[1]]) if key[0] == "name" else key, _expression(named[-1]))


def _access(node: Node) -> Expression:
    """The grammar binds `.x` looser than operators and lambdas: `a => a.x` comes as `(a => a).x`. Put it right."""
    inner = _field(node, "object")
    if node.type == "member_expression":
        last: tuple[str, Any] = ("member", _text(_field(node, "property")))
    else:
        last = ("index", _expression(_field(node, "index")))
    found = _expression(inner)
    if inner.type not in _LOOSE:
        return (last[0], found, last[1])
    return _pushed(found, last)


def _pushed(found: Expression, last: tuple[str, Any]) -> Expression:
    if found[0] in ("lambda", "unary", "binary", "choice"):
        return (*found[:-1], _pushed(found[-1], last))
    return (last[0], found, last[1])


def _loop(node: Node, named: list[Node]) -> Expression:
    index = None
    if named[0].type == "for_loop_parameters":
        item, index = (_text(child) for child in named[0].named_children)
    else:
        item = _text(named[0])
    return ("for", item, index, _expression(named[1]), _expression(_field(node, "body")))
