"""The three accounts: what is in them, who can open them, what expires."""

from typing import Any

import pytest

from contracts import layout
from contracts.messages import GPU_RESULTS_QUEUE, GPU_TASKS_QUEUE
from tests.infra.deployments import VARIANTS, azure

ACCOUNT = "Microsoft.Storage/storageAccounts"
ROLES = ("host", "data", "sys")
DATA = {layout.VIDEOS, layout.STYLES, layout.IMAGES, layout.OUTPUTS}
SYSTEM = {layout.JOBS, layout.MODELS, layout.LOGS, layout.DEADLETTER}


def _children(kind: str, variant: str = "default") -> dict[str, set[str]]:
    """Names of children by role of their account: host, data, sys."""
    found: dict[str, set[str]] = {}
    for resource in azure(variant).of(f"{ACCOUNT}/{kind}"):
        account, _, name = resource.name.split("/")
        role = next(role for role in ROLES if account.startswith(f"st{role}"))
        found.setdefault(role, set()).add(name)
    return found


def _account(role: str, variant: str = "default") -> dict[str, Any]:
    (found,) = (each for each in azure(variant).of(ACCOUNT) if each.name.startswith(f"st{role}"))
    return found.body["properties"]


def _service(role: str) -> dict[str, Any]:
    services = azure().of(f"{ACCOUNT}/blobServices")
    (found,) = (each for each in services if each.name.startswith(f"st{role}"))
    return found.body["properties"]


def test_every_container_of_the_app_is_there_and_no_other() -> None:
    assert _children("blobServices/containers") == {"host": {"app-package"}, "data": DATA, "sys": SYSTEM}


def test_every_queue_of_the_app_and_its_poison_queue_is_there_and_no_other() -> None:
    queues = {GPU_TASKS_QUEUE, GPU_RESULTS_QUEUE}
    assert _children("queueServices/queues") == {"sys": queues | {f"{queue}-poison" for queue in queues}}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("role", ROLES)
def test_no_account_has_keys_public_blobs_or_old_tls(role: str, variant: str) -> None:
    account = _account(role, variant)
    assert account["allowSharedKeyAccess"] is False
    assert account["allowBlobPublicAccess"] is False
    assert account["minimumTlsVersion"] == "TLS1_2"
    assert account["supportsHttpsTrafficOnly"] is True
    assert all(service["enabled"] for service in account["encryption"]["services"].values())


def test_intermediates_logs_and_dead_letters_expire_and_models_do_not() -> None:
    (policy,) = azure(intermediatesDays=40).of(f"{ACCOUNT}/managementPolicies")
    assert policy.name.startswith("stsys")
    rules = [rule["definition"] for rule in policy.body["properties"]["policy"]["rules"]]
    days = {
        rule["filters"]["prefixMatch"][0]: rule["actions"]["baseBlob"]["delete"]["daysAfterModificationGreaterThan"]
        for rule in rules
    }
    assert days == {f"{layout.JOBS}/": 40, f"{layout.LOGS}/": 30, f"{layout.DEADLETTER}/": 90}


def test_what_users_delete_can_be_brought_back_and_specs_with_their_sas_cannot() -> None:
    assert _service("data")["deleteRetentionPolicy"] == {"enabled": True, "days": 14}
    assert _service("data")["containerDeleteRetentionPolicy"]["enabled"]
    assert _service("sys")["deleteRetentionPolicy"] == {"enabled": False}


def test_the_private_accounts_are_closed_but_for_the_addresses_that_are_named() -> None:
    assert _account("sys", "private")["publicNetworkAccess"] == "Disabled"
    assert _account("host", "private")["publicNetworkAccess"] == "Disabled"
    data = _account("data", "private")
    assert data["networkAcls"]["defaultAction"] == "Deny"
    assert [rule["value"] for rule in data["networkAcls"]["ipRules"]] == ["192.0.2.1", "198.51.100.0/24"]
    assert _account("data")["networkAcls"]["defaultAction"] == "Allow"
