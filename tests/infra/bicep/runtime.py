"""What Azure tells of a resource once it is there, for the types whose outputs infra/ reads.

A template that reads anything else of a resource is an error: these names are those of the types' read-only properties.
"""

from collections.abc import Callable
from typing import Any
from uuid import NAMESPACE_URL, uuid5


def _storage(name: str) -> dict[str, Any]:
    services = ("blob", "queue", "table", "file")
    return {"primaryEndpoints": {service: f"https://{name}.{service}.core.windows.net/" for service in services}}


_TOLD: dict[str, Callable[[str], dict[str, Any]]] = {
    "Microsoft.Batch/batchAccounts": lambda name: {"accountEndpoint": f"{name}.westeurope.batch.azure.com"},
    "Microsoft.ContainerRegistry/registries": lambda name: {"loginServer": f"{name}.azurecr.io"},
    "Microsoft.Insights/components": lambda name: {
        "ConnectionString": f"InstrumentationKey={uuid5(NAMESPACE_URL, name)};"
        "IngestionEndpoint=https://westeurope-5.in.applicationinsights.azure.com/;"
        "LiveEndpoint=https://westeurope.livediagnostics.monitor.azure.com/"
    },
    "Microsoft.ManagedIdentity/userAssignedIdentities": lambda name: {
        "clientId": f"client-of-{name}",
        "principalId": f"principal-of-{name}",
    },
    "Microsoft.Storage/storageAccounts": _storage,
    "Microsoft.Web/sites": lambda name: {"defaultHostName": f"{name}.azurewebsites.net"},
}


def told(kind: str, name: str) -> dict[str, Any]:
    """Read-only properties of a resource of type `kind`."""
    return _TOLD[kind](name) if kind in _TOLD else {}
