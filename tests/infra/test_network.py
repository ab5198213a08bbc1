"""The private network: complete where it is asked for, absent where it is not."""

import ipaddress
import re
from typing import Any

import pytest

from tests.infra.bicep.syntax import BicepError
from tests.infra.deployments import app_settings, azure

ENDPOINT = "Microsoft.Network/privateEndpoints"
# The zone that each service's public name becomes an alias of, as Azure documents.
ZONES = {
    "blob": "privatelink.blob.core.windows.net",
    "queue": "privatelink.queue.core.windows.net",
    "table": "privatelink.table.core.windows.net",
    "registry": "privatelink.azurecr.io",
    "batchAccount": "privatelink.batch.azure.com",
    "nodeManagement": "privatelink.batch.azure.com",
}


def _endpoints() -> list[tuple[str, str]]:
    """(name of the service, group) of each private endpoint."""
    found = []
    for endpoint in azure("private").of(ENDPOINT):
        (connection,) = endpoint.body["properties"]["privateLinkServiceConnections"]
        (group,) = connection["properties"]["groupIds"]
        found.append((connection["properties"]["privateLinkServiceId"].rpartition("/")[2], group))
    return found


def _subnets(**parameters: Any) -> dict[str, dict[str, Any]]:
    network = azure("private", **parameters).one("Microsoft.Network/virtualNetworks").body["properties"]
    return {subnet["name"]: subnet["properties"] for subnet in network["subnets"]}


def test_one_toggle_brings_all_of_it() -> None:
    assert not [resource for resource in azure().resources if resource.type.startswith("Microsoft.Network/")]
    assert azure("private").of("Microsoft.Network/virtualNetworks")


def test_every_address_that_the_app_is_given_has_an_endpoint() -> None:
    addresses = {value for name, value in app_settings("private").items() if name.endswith("ServiceUri")}
    wanted = {re.fullmatch(r"https://(\w+)\.(\w+)\.core\.windows\.net/", address).groups() for address in addresses}  # type: ignore[union-attr]
    batch, registry = azure("private").outputs["BATCH_ACCOUNT_NAME"], azure("private").outputs["REGISTRY_NAME"]
    assert set(_endpoints()) == wanted | {(batch, "batchAccount"), (batch, "nodeManagement"), (registry, "registry")}


def test_each_endpoint_has_its_name_in_a_zone_that_the_network_asks() -> None:
    deployed = azure("private")
    groups = dict(zip([endpoint.name for endpoint in deployed.of(ENDPOINT)], _endpoints(), strict=True))
    for names in deployed.of(f"{ENDPOINT}/privateDnsZoneGroups"):
        (config,) = names.body["properties"]["privateDnsZoneConfigs"]
        _, group = groups.pop(names.name.split("/")[0])
        assert config["properties"]["privateDnsZoneId"].endswith(f"/{ZONES[group]}")
    assert groups == {}
    zones = {zone.name for zone in deployed.of("Microsoft.Network/privateDnsZones")}
    linked = {link.name.split("/")[0] for link in deployed.of("Microsoft.Network/privateDnsZones/virtualNetworkLinks")}
    assert zones == linked == set(ZONES.values())


def test_each_subnet_is_where_it_belongs_and_clear_of_docker() -> None:
    subnets = _subnets()
    assert subnets["app"]["delegations"][0]["properties"]["serviceName"] == "Microsoft.App/environments"
    app = azure("private").one("Microsoft.Web/sites").body["properties"]
    assert app["virtualNetworkSubnetId"].endswith("/subnets/app")
    docker = ipaddress.ip_network("172.17.0.0/16")
    ranges = [ipaddress.ip_network(subnet["addressPrefix"]) for subnet in subnets.values()]
    assert not [each for each in ranges if each.overlaps(docker)]
    assert not [(a, b) for a in ranges for b in ranges if a is not b and a.overlaps(b)]
    with pytest.raises(BicepError, match="has no 3 subnets"):
        _subnets(vnetAddressPrefix="10.0.0.0/23")


def test_nodes_are_let_out_to_the_endpoints_alone_and_nobody_in() -> None:
    groups = azure("private").of("Microsoft.Network/networkSecurityGroups")
    (nodes,) = (group for group in groups if group.name.startswith("nsg-nodes"))
    rules = sorted(
        (rule["properties"] for rule in nodes.body["properties"]["securityRules"]), key=lambda r: r["priority"]
    )
    out = [rule for rule in rules if rule["direction"] == "Outbound"]
    assert [rule["access"] for rule in out] == ["Allow", "Deny"]
    assert out[0]["destinationAddressPrefix"] == _subnets()["endpoints"]["addressPrefix"]
    assert out[1]["destinationAddressPrefix"] == "*"
    assert [rule["access"] for rule in rules if rule["direction"] == "Inbound"] == ["Deny"]
    assert _subnets()["nodes"]["defaultOutboundAccess"] is False


def test_every_subnet_has_a_security_group() -> None:
    assert all("networkSecurityGroup" in subnet for subnet in _subnets().values())


def test_batch_is_closed_and_the_registry_can_have_an_endpoint() -> None:
    closed = azure("private", allowedIpAddresses="").one("Microsoft.Batch/batchAccounts").body["properties"]
    assert closed["publicNetworkAccess"] == "Disabled"
    assert azure("private").one("Microsoft.ContainerRegistry/registries").body["sku"]["name"] == "Premium"
    assert azure().one("Microsoft.ContainerRegistry/registries").body["sku"]["name"] == "Basic"


def test_the_addresses_that_were_named_reach_batchs_jobs_and_nothing_else_of_it() -> None:
    account = azure("private").one("Microsoft.Batch/batchAccounts").body["properties"]
    assert account["publicNetworkAccess"] == "Enabled"
    access = account["networkProfile"]["accountAccess"]
    assert access["defaultAction"] == account["networkProfile"]["nodeManagementAccess"]["defaultAction"] == "Deny"
    assert [rule["value"] for rule in access["ipRules"]] == ["192.0.2.1", "198.51.100.0/24"]
