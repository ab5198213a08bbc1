"""Everything a local stack leaves behind, piece by piece, for a search."""

import binascii
import contextlib
import gzip
import json
import re
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from tests.security.keyed_stack import KeyedStack

Piece = tuple[str, bytes]
ACCOUNTS = ("devstoreaccount1", "data", "system")
# A SAS signature is 44 characters of base64, percent-encoded in a URL; `REDACTED` and prose about `sig=` are not.
SIGNATURE = re.compile(rb"sig(?:=|%3D|\\u003d)(?!REDACTED)[A-Za-z0-9%+/_\\-]{20,}", re.IGNORECASE)
CONNECTION_STRING = re.compile(rb"(?:AccountKey|SharedAccessSignature)=(?!REDACTED)[A-Za-z0-9%+/=]{8,}")


def connection_string(stack: KeyedStack, account: str) -> str:
    key = json.loads((stack.state / "storage-keys.json").read_text())[account]
    blobs, queues = (stack.endpoints[kind].rstrip("/") for kind in ("blobs", "queues"))
    return (
        f"DefaultEndpointsProtocol=http;AccountName={account};AccountKey={key};"
        f"BlobEndpoint={blobs}/{account};QueueEndpoint={queues}/{account};"
    )


def secrets(stack: KeyedStack) -> dict[str, bytes]:
    """Every key of the stack, by name."""
    found = {f"storage key of {name}": key for name, key in _json(stack.state / "storage-keys.json").items()}
    found |= {f"host key {name}": key for name, key in stack.keys.items()}
    found["Batch key"] = (stack.state / "batch" / "account.key").read_text().strip()
    return {name: value.encode() for name, value in found.items()}


def find_secrets(pieces: list[Piece], keys: dict[str, bytes]) -> list[str]:
    """Where which secret lies, in words without the secret."""
    found: list[str] = []
    for where, content in pieces:
        found += [f"{where}: {name}" for name, key in keys.items() if key in content]
        found += [f"{where}: a signature" for _ in SIGNATURE.finditer(content)]
        found += [f"{where}: a connection string" for _ in CONNECTION_STRING.finditer(content)]
    return sorted(set(found))


def blobs(stack: KeyedStack, account: str) -> Iterator[Piece]:
    """Content and metadata of every blob."""
    with BlobServiceClient.from_connection_string(connection_string(stack, account)) as service:
        for container in service.list_containers():
            client = service.get_container_client(str(container.name))
            for blob in client.list_blobs(include=["metadata", "snapshots", "deleted", "uncommittedblobs"]):
                where = f"blob {account}/{container.name}/{blob.name}"
                yield f"{where} (metadata)", json.dumps(blob.metadata or {}).encode()
                yield where, client.download_blob(blob.name).readall()


def messages(stack: KeyedStack, account: str) -> Iterator[Piece]:
    """Every message that can be seen, as it is and decoded."""
    with QueueServiceClient.from_connection_string(connection_string(stack, account)) as service:
        for queue in service.list_queues():
            for message in service.get_queue_client(str(queue.name)).peek_messages(32):
                yield f"message of {account}/{queue.name}", str(message.content).encode()
                with contextlib.suppress(binascii.Error):  # then the line above was all there is
                    yield f"message of {account}/{queue.name} (decoded)", b64decode(message.content)


def instances(stack: KeyedStack) -> Iterator[Piece]:
    """Every Durable instance: input, output, custom status, failure, and its whole history."""
    code = stack.keys["durable_task"]
    api = "/runtime/webhooks/durabletask/instances"
    every = stack.call("GET", f"{api}?code={code}&top=1000&showInput=true").json()
    assert every
    for instance in every:
        name = instance["instanceId"]
        yield f"instance {name} (listed)", json.dumps(instance).encode()
        shown = "showInput=true&showHistory=true&showHistoryOutput=true"
        yield f"instance {name}", stack.call("GET", f"{api}/{name.replace(':', '%3A')}?{shown}&code={code}").content


def files(folder: Path, but_not: tuple[str, ...]) -> Iterator[Piece]:
    """Every file below `folder`, but for those at or below `but_not`."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not any(name == one or name.startswith(f"{one}/") for one in but_not):
            content = path.read_bytes()
            yield f"file {name}", gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content


def _json(path: Path) -> dict[str, str]:
    return json.loads(path.read_text())
