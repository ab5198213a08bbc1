"""docs/deploy.md and docs/operate.md name nothing that is not there: commands, flags, settings, names, alerts."""

import functools
import itertools
import json
import re
import shlex
import shutil
import subprocess
from typing import Any

import pytest
import yaml
from azure.mgmt.batch import models

from activities.deadletter import QUEUES
from client.cli import parser
from contracts.settings import table
from tests.docs.commands import HOOKS, PAGES, ROOT, blocks, of
from tests.infra.batch_model import problems
from tests.infra.deployments import app_settings, azure

OPERATE = ROOT / "docs" / "operate.md"
# Commands of azure-cli 2.91.0 and the flags that each was seen to take (`az COMMAND --help`); those in use, no others.
AZ: dict[str, list[str]] = json.loads((ROOT / "tests" / "docs" / "az_commands.json").read_text())
# Flags of every command of az.
EVERYWHERE = {"--query", "--output", "-o", "--subscription"}
AZD = {"up", "provision", "deploy", "down", "auth login", "env new", "env set", "env get-values", "hooks run"}


def _flags(words: list[str]) -> set[str]:
    return {word.partition("=")[0] for word in words if re.fullmatch(r"-[a-z]|--[a-z][a-z-]*(=.*)?", word)}


def _subcommand(words: list[str]) -> str:
    """`storage blob upload` of a command's words."""
    names = [word for word in words[1:] if re.fullmatch(r"[a-z][a-z-]*", word)]
    longest = max((n for n in range(len(names) + 1) if " ".join(names[:n]) in AZ), default=0)
    return " ".join(names[:longest])


def test_there_is_something_to_check() -> None:
    assert len(of("az", PAGES)) > 40
    assert len(of("azd", PAGES)) > 15


@pytest.mark.parametrize("words", of("az", [*PAGES, *HOOKS]), ids=" ".join)
def test_a_command_of_az_is_one_and_takes_these_flags(words: list[str]) -> None:
    command = _subcommand(words)
    assert command, f"{words[:4]}: no command of tests/docs/az_commands.json; look it up with --help and add it"
    assert _flags(words) <= {*AZ[command], *EVERYWHERE}


@pytest.mark.skipif(shutil.which("az") is None, reason="azure-cli is not installed here: its own help cannot be asked")
@pytest.mark.parametrize("command", AZ)
@pytest.mark.timeout(60)
def test_az_itself_says_so(command: str) -> None:
    told = subprocess.run(["az", *command.split(), "--help"], capture_output=True, text=True, check=True).stdout
    missing = [flag for flag in AZ[command] if not re.search(rf"(^|\s){flag}(\s|$)", told, re.MULTILINE)]
    assert missing == []


def test_every_command_in_the_table_is_in_use() -> None:
    assert {_subcommand(words) for words in of("az", [*PAGES, *HOOKS])} == AZ.keys()


@pytest.mark.parametrize("words", of("azd", PAGES), ids=" ".join)
def test_a_command_of_azd_is_one_and_names_what_there_is(words: list[str]) -> None:
    command = " ".join(words[1:3]) if words[1] in ("auth", "env", "hooks") else words[1]
    assert command in AZD
    assert _flags(words) <= ({"--purge"} if command == "down" else set())
    if command == "env set":
        parameters = json.loads((ROOT / "infra" / "main.parameters.json").read_text())["parameters"]
        assert f"${{{words[3]}" in json.dumps(parameters), f"{words[3]} is no parameter of the deployment"
        for name, parameter in parameters.items():
            if str(parameter["value"]).startswith(f"${{{words[3]}=") and len(words) > 4 and words[4].isalpha():
                azure(**{name: _typed(words[4])})  # refuses what is not allowed
    if command == "hooks run":
        assert words[3] in yaml.safe_load((ROOT / "azure.yaml").read_text())["hooks"]


def _typed(value: str) -> Any:
    return {"true": True, "false": False}.get(value, value)


@pytest.mark.parametrize(
    "words", of("client", [*PAGES, ROOT / "docs" / "failures.md", ROOT / "README.md"]), ids=" ".join
)
def test_the_client_understands_what_it_is_told(words: list[str]) -> None:
    shown = [{"A-B": "0-9", "N": "1"}.get(word, word) for word in words[1:]]
    assert parser().parse_args(shown).command


@pytest.mark.parametrize("words", of("make", [*PAGES, ROOT / "README.md"]), ids=" ".join)
def test_a_target_of_make_is_one(words: list[str]) -> None:
    (targets,) = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {word for word in words[1:] if "=" not in word} <= set(targets.split())


def test_every_variable_is_one_that_azd_has_or_that_was_set_before() -> None:
    text = "\n".join(block for page in PAGES for block in blocks(page))
    exported = set(re.findall(r"(?:export|for) (\w+)", text))
    used = set(re.findall(r"(?<!\\)\$\{?([A-Za-z_]+)", text))
    assert used <= exported | azure().outputs.keys() | {"AZURE_SUBSCRIPTION_ID"}


@functools.cache
def _known_names() -> set[str]:
    settings = {name for name, _, _ in table()} | app_settings().keys()
    parameters = re.findall(r"\$\{([A-Z_]+)", (ROOT / "infra" / "main.parameters.json").read_text())
    return settings | set(parameters) | azure().outputs.keys() | {"ATELIER_KEY", "ATELIER_ENDPOINT", "ATELIER_STORAGE"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_setting_that_is_named_exists(page: Any) -> None:
    named = set(re.findall(r"`\$?([A-Z][A-Z0-9]*_[A-Z0-9_]+)(?:=[^`]*)?`", page.read_text()))
    assert named - _known_names() == set()


def test_a_function_that_is_switched_off_exists_and_all_that_close_are_named() -> None:
    named = set(re.findall(r"AzureWebJobs\.(\w+)\.Disabled", OPERATE.read_text()))
    deployed = azure(pause="doors").one("Microsoft.Web/sites/config").body["properties"]
    assert named == set(re.findall(r"AzureWebJobs\.(\w+)\.Disabled", " ".join(deployed)))
    text = "\n".join(path.read_text() for path in (ROOT / "triggers").glob("*.py"))
    assert named <= set(re.findall(r'function_name\("(\w+)"\)', text))


def test_containers_and_queues_that_are_named_exist() -> None:
    words = [words for words in of("az", PAGES) if words[1] == "storage"]
    given = [dict(itertools.pairwise(each)) for each in words]
    containers = {flags[flag] for flags in given for flag in ("--container-name", "--source") if flag in flags}
    made = azure().of("Microsoft.Storage/storageAccounts/blobServices/containers")
    assert containers <= {container.name.rpartition("/")[2] for container in made}
    of_host = "webjobs-blobtrigger-poison"
    assert {flags["--queue-name"] for flags in given if "--queue-name" in flags} <= {*QUEUES, of_host}


def test_every_alert_is_told_what_to_do_about() -> None:
    rules = azure().of("Microsoft.Insights/scheduledQueryRules")
    titles = {rule.body["properties"]["displayName"].removeprefix("Atelier: ") for rule in rules}
    assert set(re.findall(r'^\| Alert "([^"]+)" \|', OPERATE.read_text(), re.MULTILINE)) == titles


def test_the_pool_is_asked_for_what_it_has_and_told_what_it_takes() -> None:
    models.Pool({})
    known = {rest._rest_name for rest in models.PoolProperties({})._attr_to_rest_field.values()}
    asked = [words for words in of("az", PAGES) if words[1] == "rest"]
    assert len(asked) > 3
    for words in asked:
        flags = dict(itertools.pairwise(words))
        assert flags["--url"] == "$POOL_URL"
        names = re.findall(r"(?:properties\.|: )(?!properties)(\w+)", flags.get("--query", ""))
        assert set(names) <= known
        if "--body" in flags:
            body = json.loads(flags["--body"])
            full = azure().one("Microsoft.Batch/batchAccounts/pools").body
            assert (
                problems("Microsoft.Batch/batchAccounts/pools", {"properties": full["properties"] | body["properties"]})
                == []
            )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Any) -> None:
    for target in re.findall(r"\]\(([^)#:]*(?:#[^)]*)?)\)", page.read_text()):
        name, _, anchor = target.partition("#")
        path = page.parent / name if name else page
        assert path.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}, target


def test_quotes_match_in_every_block() -> None:
    for page in PAGES:
        for block in blocks(page):
            subprocess.run(["sh", "-n"], input=block, text=True, check=True)
            shlex.split(block.replace("\\\n", " "), comments=True)
