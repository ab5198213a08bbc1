"""Every template: parses, deploys in every variant, has no loose ends, and names API versions that exist."""

import json
import re
from pathlib import Path

import pytest

from tests.infra.bicep.syntax import parse
from tests.infra.deployments import INFRA, REPOSITORY, TEMPLATES, VARIANTS, azure, events

# Every type and version in use. Names, bounds, required and read-only properties of each were compared once with the
# types that Azure publishes for Bicep (github.com/Azure/bicep-types-az, August 2026); a new one wants the same.
VERSIONS = {
    "Microsoft.Authorization/roleAssignments": "2022-04-01",
    "Microsoft.Batch/batchAccounts": "2025-06-01",
    "Microsoft.Batch/batchAccounts/pools": "2025-06-01",
    "Microsoft.ContainerRegistry/registries": "2025-11-01",
    "Microsoft.EventGrid/systemTopics": "2025-02-15",
    "Microsoft.EventGrid/systemTopics/eventSubscriptions": "2025-02-15",
    "Microsoft.Insights/actionGroups": "2023-01-01",
    "Microsoft.Insights/components": "2020-02-02",
    "Microsoft.Insights/diagnosticSettings": "2021-05-01-preview",
    "Microsoft.Insights/scheduledQueryRules": "2023-12-01",
    "Microsoft.Insights/workbooks": "2023-06-01",
    "Microsoft.ManagedIdentity/userAssignedIdentities": "2023-01-31",
    "Microsoft.Network/networkSecurityGroups": "2024-05-01",
    "Microsoft.Network/privateDnsZones": "2024-06-01",
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks": "2024-06-01",
    "Microsoft.Network/privateEndpoints": "2024-05-01",
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups": "2024-05-01",
    "Microsoft.Network/virtualNetworks": "2024-05-01",
    "Microsoft.OperationalInsights/workspaces": "2023-09-01",
    "Microsoft.Resources/resourceGroups": "2024-11-01",
    "Microsoft.Storage/storageAccounts": "2024-01-01",
    "Microsoft.Storage/storageAccounts/blobServices": "2024-01-01",
    "Microsoft.Storage/storageAccounts/blobServices/containers": "2024-01-01",
    "Microsoft.Storage/storageAccounts/managementPolicies": "2024-01-01",
    "Microsoft.Storage/storageAccounts/queueServices": "2024-01-01",
    "Microsoft.Storage/storageAccounts/queueServices/queues": "2024-01-01",
    "Microsoft.Web/serverfarms": "2024-04-01",
    "Microsoft.Web/sites": "2024-04-01",
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies": "2024-04-01",
    "Microsoft.Web/sites/config": "2024-04-01",
}
# Azure's rules for names that are unique in the world or in a resource group.
NAMES = {
    "Microsoft.Batch/batchAccounts": r"[a-z0-9]{3,24}",
    "Microsoft.ContainerRegistry/registries": r"[A-Za-z0-9]{5,50}",
    "Microsoft.Network/privateEndpoints": r"[A-Za-z0-9][\w.-]{0,62}\w",
    "Microsoft.Storage/storageAccounts": r"[a-z0-9]{3,24}",
    "Microsoft.Web/sites": r"[A-Za-z0-9][A-Za-z0-9-]{0,58}[A-Za-z0-9]",
}


def test_there_are_templates() -> None:
    assert INFRA / "main.bicep" in TEMPLATES
    assert len(TEMPLATES) >= 10


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_each_parameter_and_output_is_described_or_plain_and_everything_declared_is_used(path: Path) -> None:
    source, text = parse(path), path.read_text()
    undescribed = [param.name for param in source.of("param") if "description" not in param.decorators]
    assert undescribed == []
    # What is declared is named at least once more; a resource or module is there for its own sake.
    unused = [d.name for d in source.of("param", "var") if len(re.findall(rf"\b{d.name}\b", _code(text))) < 2]
    assert unused == []


def _code(text: str) -> str:
    return re.sub(r"(?m)(?:^|\s)//[^\n]*|@description\('(?:[^'\\]|\\.)*'\)", "", text)


def test_every_template_is_reached_from_main_or_by_a_hook() -> None:
    modules = {(INFRA / d.type).resolve() for d in parse(INFRA / "main.bicep").of("module")}
    assert set(TEMPLATES) - modules == {INFRA / "main.bicep", INFRA / "events.bicep"}


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_resources_are_plain_and_of_known_versions(path: Path) -> None:
    for declared in parse(path).of("resource", "module"):
        if declared.kind == "module":
            assert not declared.type.startswith(("br", "ts")), "nothing here could check a module of a registry"
        else:
            kind, _, version = declared.type.partition("@")
            assert VERSIONS.get(kind) == version, f"{path.name}: {declared.type}"


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_variant_deploys_and_what_it_expects_to_exist_is_deployed(variant: str) -> None:
    deployed = azure(variant).resources
    made = {resource.id for resource in deployed if not resource.existing}
    assert len(made) == sum(not resource.existing for resource in deployed), "two resources have one address"
    missing = {resource.id for resource in deployed if resource.existing} - made
    assert missing == set()
    dangling = {resource.scope for resource in deployed if resource.scope} - made
    assert dangling == set()


def test_what_the_hook_expects_to_exist_is_deployed() -> None:
    made = {resource.id for resource in azure().resources}
    assert {resource.id for resource in events().resources if resource.existing} <= made


def test_every_type_in_the_table_is_in_use() -> None:
    deployed = {r.type for variant in VARIANTS for r in azure(variant).resources} | {r.type for r in events().resources}
    assert deployed == set(VERSIONS)


@pytest.mark.parametrize("variant", VARIANTS)
def test_names_are_what_azure_takes(variant: str) -> None:
    for resource in azure(variant).resources:
        if rule := NAMES.get(resource.type):
            assert re.fullmatch(rule, resource.name), f"{resource.type} {resource.name}"


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_takes_tags_has_azds(variant: str) -> None:
    untagged = {
        "Microsoft.Authorization/roleAssignments",
        "Microsoft.Insights/diagnosticSettings",
        "Microsoft.Batch/batchAccounts/pools",
    }
    for resource in azure(variant).resources:
        is_child = (
            resource.type.count("/") > 1 and resource.type != "Microsoft.Network/privateDnsZones/virtualNetworkLinks"
        )
        if not resource.existing and not is_child and resource.type not in untagged:
            assert resource.body["tags"]["azd-env-name"] == "demo", resource.type


def test_the_workbook_is_json_and_reads_the_workspace() -> None:
    properties = azure().one("Microsoft.Insights/workbooks").body["properties"]
    book = json.loads(properties["serializedData"])
    queries = [item["content"] for item in book["items"] if item["type"] == 3]
    assert len(queries) >= 4
    assert all(query["crossComponentResources"] == [properties["sourceId"]] for query in queries)


def test_the_providers_that_are_to_be_registered_are_those_of_all_resources() -> None:
    """Azure registers what a template deploys; not what a delegated subnet or a hook needs, and not for everybody."""
    (told,) = re.findall(r"^for name in (.*); do$", (REPOSITORY / "docs" / "deploy.md").read_text(), re.MULTILINE)
    types = {resource.type for variant in VARIANTS for resource in azure(variant).resources} | {
        resource.type for resource in events().resources
    }
    network = azure("private").one("Microsoft.Network/virtualNetworks").body["properties"]["subnets"]
    types |= {d["properties"]["serviceName"] for subnet in network for d in subnet["properties"].get("delegations", [])}
    of_azure = {"Authorization", "Resources"}  # registered in every subscription
    assert {kind.split("/")[0].removeprefix("Microsoft.") for kind in types} - of_azure == set(told.split())
