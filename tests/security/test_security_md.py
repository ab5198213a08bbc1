"""SECURITY.md promises nothing without a test."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_every_test_it_names_exists(file: str, name: str) -> None:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert name in defined
    assert name.startswith("test_")


def test_every_line_about_an_attack_names_a_test() -> None:
    table = TEXT.split("## What an attack meets")[1].split("## What remains")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= 10
    assert [row for row in rows if "::test_" not in row] == []
    assert len(NAMED) == TEXT.count("::"), "a test is named in a way that is not checked"


def test_every_setting_and_flag_it_names_exists() -> None:
    settings = (ROOT / "contracts" / "settings.py").read_text(encoding="utf-8")
    for name in re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", TEXT):
        assert f'"{name}"' in settings
    assert "--require-keys" in (ROOT / "local" / "up.py").read_text(encoding="utf-8")
