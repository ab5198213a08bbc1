"""azd fills the parameters in from its environment; both sides name the same ones, with the same defaults."""

import json
import re
from typing import Any

import pytest

from tests.infra.bicep.syntax import BicepError, parse
from tests.infra.deployments import INFRA, REPOSITORY, azure

PARAMETERS = json.loads((INFRA / "main.parameters.json").read_text())["parameters"]
DECLARED = {param.name: param for param in parse(INFRA / "main.bicep").of("param")}


def _default(value: tuple[Any, ...]) -> str:
    match value:
        case ("text", parts):
            return "".join(parts)
        case ("bool", flag):
            return str(flag).lower()
        case ("number", number):
            return str(number)
    raise AssertionError(value)


def test_azd_gives_every_parameter_and_no_other() -> None:
    assert PARAMETERS.keys() == DECLARED.keys()


@pytest.mark.parametrize("name", [name for name in PARAMETERS if name != "settings"])
def test_defaults_are_said_alike(name: str) -> None:
    (variable, _, default) = re.fullmatch(r"\$\{([A-Z_]+)(=([^}]*))?\}", PARAMETERS[name]["value"]).groups()  # type: ignore[union-attr]
    declared = DECLARED[name].value
    if declared is None:
        assert default is None, f"{variable} has a default, the parameter none"
    else:
        assert (default or "") == _default(declared)


@pytest.mark.parametrize("name", [name for name in PARAMETERS if name != "settings"])
def test_what_can_be_set_is_documented(name: str) -> None:
    variable = re.match(r"\$\{([A-Z_]+)", PARAMETERS[name]["value"])
    assert variable
    of_azd = {"AZURE_ENV_NAME", "AZURE_LOCATION", "AZURE_PRINCIPAL_ID", "AZURE_PRINCIPAL_TYPE", "GPU_TASK_IMAGE_TAG"}
    if variable[1] not in of_azd:
        assert f"`{variable[1]}`" in (REPOSITORY / "docs" / "deploy.md").read_text()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("poolKind", "tpu"),
        ("maxNodes", 0),
        ("minNodes", -1),
        ("keepWarmMinutes", 2000),
        ("slotsPerNode", 0),
        ("intermediatesDays", 1),
        ("instanceMemoryMB", 1024),
        ("dataRedundancy", "Premium_LRS"),
        ("mount", "smb"),
        ("imageTag", ""),
    ],
)
def test_what_cannot_be_is_refused(name: str, value: Any) -> None:
    with pytest.raises(BicepError, match=name):
        azure(**{name: value})


def test_both_parameter_sets_have_the_same_entries() -> None:
    kinds = json.loads((INFRA / "pools.json").read_text())
    assert kinds.keys() == {"gpu", "cpu"}
    assert kinds["gpu"].keys() == kinds["cpu"].keys()
