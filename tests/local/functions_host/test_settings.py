"""host.json, keys, connections, output paths, redaction: what is read, what is refused, what is hidden."""

import json
import logging
import stat
from pathlib import Path

import pytest
from azure.identity.aio import ManagedIdentityCredential

from local.functions_host.connections import Connections, connection_string, service_uri
from local.functions_host.errors import ConnectionSettingError, HostFileError
from local.functions_host.host_json import read_host_json, seconds
from local.functions_host.keys import load_keys
from local.functions_host.outputs import fill
from local.functions_host.redaction import RedactingFilter, redact


def host_json(tmp_path: Path, content: object) -> Path:
    path = tmp_path / "host.json"
    path.write_text(json.dumps(content))
    return path


def test_an_almost_empty_host_json_gives_the_defaults(tmp_path: Path) -> None:
    host = read_host_json(host_json(tmp_path, {"version": "2.0"}))
    assert (host.route_prefix, host.queues.batch_size, host.queues.max_dequeue_count) == ("api", 16, 5)
    assert host.queues.base64
    assert host.durable.max_activities == 10


def test_host_json_is_honoured(tmp_path: Path) -> None:
    queues = {"batchSize": 4, "visibilityTimeout": "00:00:30", "messageEncoding": "none"}
    content = {"extensions": {"queues": queues, "http": {"routePrefix": ""}}}
    host = read_host_json(host_json(tmp_path, content))
    assert (host.queues.batch_size, host.queues.new_batch_threshold, host.queues.visibility_timeout_s) == (4, 2, 30)
    assert (host.queues.base64, host.route_prefix) == (False, "")


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("queues", "batchSize", 33),
        ("queues", "maxDequeueCount", 0),
        ("queues", "visibilityTimeout", "soon"),
        ("queues", "messageEncoding", "utf-8"),
        ("durableTask", "maxConcurrentActivityFunctions", True),
    ],
)
def test_a_value_out_of_range_is_named(tmp_path: Path, section: str, key: str, value: object) -> None:
    with pytest.raises(HostFileError, match=rf"host\.json: extensions\.{section}\.{key} is"):
        read_host_json(host_json(tmp_path, {"extensions": {section: {key: value}}}))


def test_a_host_json_that_is_not_json_is_named(tmp_path: Path) -> None:
    path = tmp_path / "host.json"
    path.write_text("{")
    with pytest.raises(HostFileError, match=r"host\.json: is not JSON"):
        read_host_json(path)


@pytest.mark.parametrize(("text", "expected"), [("00:00:02", 2), ("1.01:00:00", 90_000), ("00:00:00.500", 0.5)])
def test_time_spans(text: str, expected: float) -> None:
    assert seconds(Path("host.json"), "key", text) == expected


def test_keys_are_made_once_and_for_the_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    keys = load_keys(path)
    assert load_keys(path) == keys
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert keys.default not in repr(keys)
    assert keys.opens_function(keys.default)
    assert not keys.opens_function(keys.durable_task)
    assert not keys.opens_admin(keys.default)
    assert not keys.opens_management(None)


def test_a_key_file_that_lacks_a_key_is_named(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text("{}")
    with pytest.raises(HostFileError, match=r"keys\.json: lacks the key 'master'"):
        load_keys(tmp_path / "keys.json")


def test_a_connection_is_a_connection_string_or_an_endpoint() -> None:
    settings = {"A": "UseDevelopmentStorage=true", "AzureWebJobsB": "x", "C__blobServiceUri": "https://c.blob"}
    assert "devstoreaccount1" in (connection_string("A", settings) or "")
    assert connection_string("B", settings) == "x"
    assert service_uri("C", "blob", settings) == "https://c.blob"
    assert service_uri("C", "queue", settings) is None


async def test_an_identity_based_connection_makes_clients_for_its_endpoints() -> None:
    settings = {"D__blobServiceUri": "https://d.blob.example", "D__queueServiceUri": "https://d.queue.example"}
    connections = Connections(settings)
    assert connections.blobs("D").url.startswith("https://d.blob.example")
    assert connections.queues("D").url.startswith("https://d.queue.example")
    await connections.close()


async def test_a_connection_names_the_managed_identity_which_all_of_its_clients_share() -> None:
    named = {"__credential": "managedidentity", "__clientId": "one"}
    addresses = {"__blobServiceUri": "https://d.blob.example", "__queueServiceUri": "https://d.queue.example"}
    connections = Connections({f"{name}{key}": value for name in "DE" for key, value in (named | addresses).items()})
    credential = connections.blobs("D").credential
    assert isinstance(credential, ManagedIdentityCredential)
    assert credential is connections.queues("D").credential is connections.blobs("E").credential
    await connections.close()


def test_another_kind_of_credential_is_refused_by_name() -> None:
    settings = {"D__blobServiceUri": "https://d.blob.example", "D__credential": "workload"}
    with pytest.raises(ConnectionSettingError, match="D__credential is 'workload'"):
        Connections(settings).blobs("D")


def test_a_connection_without_a_setting_names_the_setting() -> None:
    with pytest.raises(ConnectionSettingError, match="E__blobServiceUri"):
        Connections({}).check("E", "blob")


def test_output_paths_are_filled_from_the_trigger() -> None:
    assert fill("copies/{style}-{name}.txt", {"style": "a", "name": "b"}) == "copies/a-b.txt"
    with pytest.raises(ValueError, match="provides no 'style'"):
        fill("copies/{style}", {"name": "b"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://x/y?sv=1&sig=abc%2B=&se=2", "https://x/y?sv=1&sig=REDACTED&se=2"),
        ("AccountName=a;AccountKey=abc==;Endpoint=b", "AccountName=a;AccountKey=REDACTED;Endpoint=b"),
        ("http://h/runtime?taskHub=T&code=secret", "http://h/runtime?taskHub=T&code=REDACTED"),
        ("design=4", "design=4"),
    ],
)
def test_secrets_are_redacted_and_nothing_else(text: str, expected: str) -> None:
    assert redact(text) == expected


def test_the_filter_redacts_messages_arguments_and_tracebacks() -> None:
    try:
        raise ValueError("sig=SECRET")
    except ValueError as error:
        info = (type(error), error, error.__traceback__)
    record = logging.LogRecord("x", logging.ERROR, "f", 1, "at %s", ("?sig=SECRET",), info)
    assert RedactingFilter().filter(record)
    text = logging.Formatter().format(record)
    assert "SECRET" not in text
    assert "ValueError: sig=REDACTED" in text
