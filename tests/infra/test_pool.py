"""The Batch account and its pool, against the API's own model and the rules that no model tells."""

import json
import re
from copy import deepcopy
from typing import Any

import pytest
from azure.batch.models import BatchPoolCreateOptions

from tests.infra.batch_model import ROOTS, problems, problems_of
from tests.infra.deployments import INFRA, REPOSITORY, VARIANTS, azure

POOL = "Microsoft.Batch/batchAccounts/pools"


def _pool(variant: str = "default", **parameters: Any) -> dict[str, Any]:
    return azure(variant, **parameters).one(POOL).body


def _machine(pool: dict[str, Any]) -> dict[str, Any]:
    return pool["properties"]["deploymentConfiguration"]["virtualMachineConfiguration"]


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("kind", ROOTS)
def test_the_api_takes_what_is_deployed(kind: str, variant: str) -> None:
    assert problems(kind, azure(variant).one(kind).body) == []


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (("vmSise",), "x", "unknown 'vmSise'"),
        (("allocationState",), "Steady", "allocationState is read-only"),
        (("taskSlotsPerNode",), "1", "not of type"),
        (("interNodeCommunication",), "Off", "'Off', which is none of"),
        (("targetNodeCommunicationMode",), "Simplified", "unknown 'targetNodeCommunicationMode'"),
        (("scaleSettings", "autoScale"), {}, "lacks 'formula'"),
        (("deploymentConfiguration", "virtualMachineConfiguration", "nodeAgentSkuId"), None, "nodeAgentSkuId"),
        (("mountConfiguration",), {}, "not an array"),
    ],
)
def test_what_the_api_would_refuse_is_found(path: tuple[str, ...], value: Any, told: str) -> None:
    body = deepcopy(_pool())
    at = body["properties"]
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    found = problems(POOL, body)
    assert len(found) == 1
    assert told in found[0]


def test_batch_takes_the_pool_without_containers_which_starts_with_what_the_package_has() -> None:
    pool = json.loads((INFRA / "package_pool.json").read_text())
    assert problems_of(BatchPoolCreateOptions, pool) == []
    kind = json.loads((INFRA / "pools.json").read_text())["gpu"]
    assert pool["vmSize"] == kind["vmSize"]
    machine = pool["virtualMachineConfiguration"]
    assert (machine["imageReference"], machine["nodeAgentSKUId"]) == (kind["image"], kind["nodeAgentSkuId"])
    (package,) = pool["applicationPackageReferences"]
    (variable, script) = re.findall(r"\$(AZ_BATCH_APP_PACKAGE_\w+)/([\w.]+)", pool["startTask"]["commandLine"])[0]
    # Batch tells the folder of an application's default version by this name, on Linux.
    assert variable == f"AZ_BATCH_APP_PACKAGE_{package['applicationId']}"
    assert (REPOSITORY / "scripts" / "package" / script).exists()
    # It installs for all users of the node.
    assert pool["startTask"]["userIdentity"]["autoUser"]["elevationLevel"] == "admin"


def test_no_keys_open_the_account() -> None:
    account = azure().one("Microsoft.Batch/batchAccounts").body["properties"]
    assert account["allowedAuthenticationModes"] == ["AAD"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_nodes_prefetch_the_image_that_tasks_run_with_the_pools_own_identity(variant: str) -> None:
    deployed, pool = azure(variant), _pool(variant)
    (identity,) = pool["identity"]["userAssignedIdentities"]
    (registry,) = _machine(pool)["containerConfiguration"]["containerRegistries"]
    (image,) = _machine(pool)["containerConfiguration"]["containerImageNames"]
    app = deployed.one("Microsoft.Web/sites").body["identity"]["userAssignedIdentities"]
    assert registry["identityReference"]["resourceId"] == identity
    assert identity not in app, "nodes run strangers' files; the app holds the data"
    assert image.startswith(registry["registryServer"] + "/gpu-task:")
    assert deployed.one("Microsoft.Web/sites/config").body["properties"]["BATCH_CONTAINER_IMAGE"] == image
    assert deployed.outputs["GPU_TASK_IMAGE"] == image


def test_a_parameter_set_can_be_chosen_and_its_size_overridden() -> None:
    assert _pool()["properties"]["vmSize"].startswith("Standard_NC")
    assert not _pool("cpu")["properties"]["vmSize"].startswith("Standard_N")
    assert _pool(vmSize="Standard_NC40ads_H100_v5")["properties"]["vmSize"] == "Standard_NC40ads_H100_v5"


def test_the_private_pool_has_a_subnet_and_no_public_addresses() -> None:
    network = _pool("private")["properties"]["networkConfiguration"]
    assert network["publicIPAddressConfiguration"] == {"provision": "NoPublicIPAddresses"}
    assert network["subnetId"].endswith("/subnets/nodes")
    assert "subnetId" not in _pool()["properties"]["networkConfiguration"]


@pytest.mark.parametrize(
    ("variant", "kind"),
    [("blobfuse", "azureBlobFileSystemConfiguration"), ("nfs", "nfsMountConfiguration")],
)
def test_a_mount_needs_no_key_and_is_read_only(variant: str, kind: str) -> None:
    (mount,) = _pool(variant)["properties"]["mountConfiguration"]
    (found,) = mount
    assert found == kind
    assert not {"accountKey", "sasKey"} & mount[kind].keys()
    assert "ro" in (mount[kind].get("blobfuseOptions") or mount[kind]["mountOptions"]).replace(",", " ").split()
    assert _pool()["properties"]["mountConfiguration"] == []


def test_tasks_can_look_into_what_batch_mounts_as_root() -> None:
    (mount,) = _pool("blobfuse")["properties"]["mountConfiguration"]
    assert "-o allow_other" in mount["azureBlobFileSystemConfiguration"]["blobfuseOptions"]
