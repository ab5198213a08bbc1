"""The evaluator refuses what a compiler or Azure would: else the tests of infra/ prove little."""

from pathlib import Path
from typing import Any

import pytest

from tests.infra.bicep.evaluate import deploy
from tests.infra.bicep.functions import SUBSCRIPTION
from tests.infra.bicep.syntax import BicepError


def _outputs(folder: Path, text: str, **parameters: Any) -> dict[str, Any]:
    path = folder / "template.bicep"
    path.write_text(text)
    return deploy(path, parameters, "group").outputs


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("'a${1}b${'c'}'", "a1bc"),
        ("'it\\'s \\${x}'", "it's ${x}"),
        ("replace('a b', ' ', '')", "ab"),
        ("'''\nraw ${x}\n'''", "raw ${x}\n"),
        ("true ? 1 : 2", 1),
        ("empty('') && !empty([1]) || false", True),
        ("map([{ a: 1 }, { a: 2 }], item => item.a)", [1, 2]),
        ("{ a: { 'b-c': [10, 20] } }.a['b-c'][1]", 20),
        ("union({ a: 1, b: 1 }, { b: 2 })", {"a": 1, "b": 2}),
        ("union(['a', 'b', 'a'], ['b', 'c'])", ["a", "b", "c"]),
        ("[for (item, index) in ['x', 'y']: '${item}${index}']", ["x0", "y1"]),
        ("toObject(['a'], item => item, item => 1)", {"a": 1}),
        ("cidrSubnet('10.40.0.0/22', 24, 2)", "10.40.2.0/24"),
        ("resourceId('A/b/c', 'x', 'y')", f"/subscriptions/{SUBSCRIPTION}/resourceGroups/group/providers/A/b/x/c/y"),
    ],
)  # fmt: skip
def test_expressions(tmp_path: Path, expression: str, value: Any) -> None:
    assert _outputs(tmp_path, f"output x object = {expression}\n") == {"x": value}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("output x string = nope\n", "'nope' is not declared"),
        ("output x string = nope()\n", "function nope is unknown"),
        ("var a = b\nvar b = a\n", "depends on itself"),
        ("var a = 1\nvar a = 2\n", "declared twice"),
        ("output x string = {\n", "not Bicep"),
        ("var a = { b: 1 }\noutput x int = a.c\n", "has no 'c'; it has b"),
        ("output x string = cidrSubnet('10.0.0.0/24', 24, 1)\n", "has no 2 subnets"),
        ("resource a 'A/b@1' = {\n  name: 'a'\n}\noutput x string = a.properties.made\n", "has no 'made'"),
        ("resource a 'A/b@1' = if (false) {\n  name: 'a'\n}\noutput x string = a.id\n", "is not deployed"),
        (
            "resource a 'A/b@1' = {\n  name: 'a'\n}\nresource c 'D/e/f@1' = {\n  parent: a\n  name: 'c'\n}\n",
            "cannot be a child",
        ),
        ("resource a 'A/b@1' = {\n  name: 'a'\n  dependsOn: [z]\n}\n", "dependsOn names"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(BicepError, match=told):
        _outputs(tmp_path, text)


@pytest.mark.parametrize(
    ("declared", "given", "told"),
    [
        ("param p string", {}, "p is not given"),
        ("param p string = ''", {"q": 1}, "no parameter q"),
        ("param p string", {"p": 1}, "not of type string"),
        ("param p int", {"p": True}, "not of type int"),
        ("param p string[]", {"p": [1]}, r"not of type string\[\]"),
        ("@allowed(['a'])\nparam p string", {"p": "b"}, "allowed is"),
        ("@allowed(['a'])\nparam p string = 'b'", {}, "allowed is"),
        ("@minValue(1)\nparam p int", {"p": 0}, "minValue is 1"),
        ("@maxLength(2)\nparam p string", {"p": "abc"}, "maxLength is 2"),
    ],
)
def test_a_parameter_out_of_bounds_is_told(tmp_path: Path, declared: str, given: dict[str, Any], told: str) -> None:
    with pytest.raises(BicepError, match=told):
        _outputs(tmp_path, declared + "\n", **given)
