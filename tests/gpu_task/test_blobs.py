from pathlib import Path

import pytest

from contracts.task_spec import SourceRef
from gpu_task import blobs
from tests.gpu_task.conftest import Storage


def test_ranges_are_read_while_the_blob_stays_as_it_was(storage: Storage) -> None:
    read = blobs.range_reader(storage.upload("ranged", b"0123456789"))

    assert (read(0, 4), read(6, 4)) == (b"0123", b"6789")

    storage.upload("ranged", b"9876543210")
    with pytest.raises(blobs.SourceChangedError, match="work/ranged was changed or removed") as caught:
        read(0, 4)
    assert "sig=" not in str(caught.value)


def test_downloads_have_a_limit(storage: Storage) -> None:
    source = storage.upload("ten", b"0123456789")

    assert blobs.download(source.url, 10) == b"0123456789"
    assert blobs.download_source(source, 10) == b"0123456789"
    with pytest.raises(blobs.BlobTooLargeError, match="work/ten has 10 bytes; at most 9 are allowed"):
        blobs.download(source.url, 9)
    with pytest.raises(blobs.BlobTooLargeError, match="work/ten has 10 bytes; at most 9 are allowed"):
        blobs.download_source(source, 9)


def test_an_empty_blob_is_no_special_case(storage: Storage) -> None:
    storage.blobs.get_blob_client("work", "empty").upload_blob(b"")

    assert blobs.download(storage.url("empty", "r"), 10) == b""


def test_create_never_overwrites(storage: Storage, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"first")
    url = storage.url("created", "rc")
    assert blobs.metadata(url) is None

    blobs.create(url, path, "video/mp4", {"task": "a"})
    path.write_bytes(b"second")
    with pytest.raises(blobs.BlobExistsError, match="work/created exists"):
        blobs.create(url, path, "video/mp4", {"task": "b"})

    assert storage.read("created") == b"first"
    assert blobs.metadata(url) == {"task": "a", "bytes": "5"}


def test_a_source_that_is_gone_is_named(storage: Storage) -> None:
    source = SourceRef(url=storage.url("gone", "r"), etag='"0x1"', size=5)

    with pytest.raises(blobs.SourceChangedError, match="work/gone was changed or removed"):
        blobs.download_source(source, 10)
