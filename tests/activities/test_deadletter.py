"""The archive of dead letters, in a real Azurite."""

from collections.abc import Iterator

import pytest
from azure.storage.blob import BlobServiceClient

from activities import deadletter, storage
from contracts import layout
from contracts.deadletter import DeadLetter
from tests.azurite import Azurite

QUEUE = "gpu-tasks"


@pytest.fixture(autouse=True)
def archive(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SYSTEM_STORAGE", azurite.connection_string)
    storage.system_account.cache_clear()
    with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        container = service.get_container_client(layout.DEADLETTER)
        if not container.exists():
            container.create_container()
        for name in list(container.list_blob_names()):
            container.delete_blob(name)
    yield
    storage.system_account.cache_clear()


def letter(entry: str, **changes: object) -> DeadLetter:
    told: dict[str, object] = {"reason": "why", "first_failed": "2026-01-01T00:00:00.000+00:00"}
    told |= {"last_failed": "2026-01-01T00:00:09.000+00:00", "queue": QUEUE, "entry": entry}
    return DeadLetter.model_validate(told | changes)


def test_a_letter_is_kept_read_and_dropped_by_its_name() -> None:
    assert deadletter.keep(letter("a1")) == "gpu-tasks/a1.json"
    assert deadletter.read(QUEUE, "a1") == letter("a1")
    assert deadletter.drop(QUEUE, "a1")
    assert deadletter.read(QUEUE, "a1") is None
    assert not deadletter.drop(QUEUE, "a1")


def test_a_letter_kept_again_is_one_letter_since_its_first_failure() -> None:
    deadletter.keep(letter("a1"))
    deadletter.keep(letter("a1", first_failed="2026-01-02T00:00:00.000+00:00", reason="again"))
    [found] = deadletter.newest(10)
    assert (found.first_failed, found.reason) == ("2026-01-01T00:00:00.000+00:00", "again")


def test_the_newest_are_listed_over_all_queues() -> None:
    for entry, queue in (("a1", QUEUE), ("a2", "gpu-results"), ("a3", QUEUE)):
        deadletter.keep(letter(entry, queue=queue))
    assert {found.entry for found in deadletter.newest(10)} == {"a1", "a2", "a3"}
    assert len(deadletter.newest(2)) == 2


@pytest.mark.parametrize(
    ("queue", "entry"),
    [("jobs", "a1"), ("..", "a1"), (QUEUE, ".."), (QUEUE, "../jobs/x"), (QUEUE, ""), (QUEUE, "a/b"), (QUEUE, "a%2Fb")],
)
def test_a_name_that_no_letter_has_reaches_no_blob(queue: str, entry: str) -> None:
    assert deadletter.read(queue, entry) is None
    assert not deadletter.drop(queue, entry)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("a\nb\x1b[31m\x00c", "a b [31m c"),
        ("lone \ud800 surrogate", "lone   surrogate"),
        ("https://x/y?sv=1&sig=S3cret%3D&se=2", "https://x/y?sv=1&sig=REDACTED&se=2"),
        ("AccountName=a;AccountKey=S3cret==;x", "AccountName=a;AccountKey=REDACTED;x"),
        ("é 東京 🎬", "é 東京 🎬"),
    ],
)
def test_a_reason_is_one_line_without_secrets(said: str, shown: str) -> None:
    deadletter.keep(letter("a1").model_copy(update={"reason": said}))
    found = deadletter.read(QUEUE, "a1")
    assert found
    assert found.reason == shown


def test_a_reason_is_cut() -> None:
    assert len(deadletter.printable("x" * 100_000)) == deadletter.MAX_REASON_CHARACTERS
