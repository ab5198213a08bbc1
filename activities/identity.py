"""Who the app is to Azure where no key is set: the identity that a connection's settings name.

Azure's convention, which the Functions host follows for triggers: `<NAME>__credential` is `managedidentity`, and
`<NAME>__clientId` says which of the app's user-assigned identities; without it, the system-assigned one. This identity
is then asked by itself, and not the chain of DefaultAzureCredential: a chain would go on to whatever else the machine
knows when the identity fails for a moment, and answer with the failures of all. Without `__credential` it is the chain,
for a developer's machine (`az login`).
"""

from collections.abc import Mapping
from functools import cache

from azure.core.credentials import TokenCredential
from azure.identity import DefaultAzureCredential, ManagedIdentityCredential

from contracts.settings import SettingsError


def credential(name: str, environ: Mapping[str, str]) -> TokenCredential:
    """The credential of connection `name`; the same object, with one cache of tokens, for all that name one identity.

    Raises:
        SettingsError: `<NAME>__credential` is none that we know.
    """
    kind, client_id = environ.get(f"{name}__credential"), environ.get(f"{name}__clientId") or None
    if not kind:
        return _whatever_is_there(client_id)
    if kind.lower() != "managedidentity":
        raise SettingsError(f"{name}__credential is {kind!r}; give managedidentity, or leave it out")
    return _managed_identity(client_id)


@cache
def _managed_identity(client_id: str | None) -> TokenCredential:
    return ManagedIdentityCredential(client_id=client_id)


@cache
def _whatever_is_there(client_id: str | None) -> TokenCredential:
    return DefaultAzureCredential(**({"managed_identity_client_id": client_id} if client_id else {}))
