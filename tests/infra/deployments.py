"""What infra/ deploys, evaluated once for each way of deploying it."""

from functools import cache
from pathlib import Path
from typing import Any

from tests.infra.bicep.evaluate import Deployment, deploy

REPOSITORY = Path(__file__).parents[2]
INFRA = REPOSITORY / "infra"
TEMPLATES = sorted(INFRA.rglob("*.bicep"))

_GIVEN: dict[str, Any] = {
    "environmentName": "demo",
    "location": "westeurope",
    "imageTag": "0123456789abcdef-gpu",
    "principalId": "me",
}
VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},
    "cpu": {"poolKind": "cpu", "alwaysReadyInstances": 1, "alertEmail": "someone@example.com", "spot": False},
    "private": {"privateNetwork": True, "allowedIpAddresses": "192.0.2.1, 198.51.100.0/24"},
    "blobfuse": {"mount": "blobfuse"},
    "nfs": {"mount": "nfs", "nfsSource": "filer:/models", "slotsPerNode": 4, "settings": {"MAX_JOB_COST": "20"}},
}


@cache
def azure(variant: str = "default", **parameters: Any) -> Deployment:
    """Everything that `azd provision` deploys."""
    return deploy(INFRA / "main.bicep", _GIVEN | VARIANTS[variant] | parameters)


@cache
def events() -> Deployment:
    """What the postdeploy hook deploys."""
    outputs = azure().outputs
    given = {
        "functionAppName": outputs["FUNCTION_APP_NAME"],
        "dataAccountName": outputs["DATA_ACCOUNT_NAME"],
        "workspaceId": outputs["LOG_WORKSPACE_ID"],
    }
    return deploy(INFRA / "events.bicep", given, outputs["AZURE_RESOURCE_GROUP"])


def app_settings(variant: str = "default") -> dict[str, str]:
    return azure(variant).one("Microsoft.Web/sites/config").body["properties"]
