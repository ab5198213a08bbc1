"""The header of a style image: its size is known without its pixels, however the file lies about them."""

import io
import struct
from collections.abc import Callable, Iterator

import pytest
from azure.storage.blob import BlobClient, BlobServiceClient
from PIL import TiffImagePlugin

from activities import style_header
from activities.style_header import NoStyleImage, header_of, read_style_header
from contracts import styles
from gpu_task import style_image
from tests.azurite import Azurite
from tests.pictures import bomb, picture


@pytest.mark.parametrize("format", styles.STYLE_FORMATS)
def test_every_format_that_a_node_reads_is_known_by_its_header(format: str) -> None:
    header = header_of(io.BytesIO(picture(format)))
    assert (header.format, header.width, header.height) == (format, 200, 120)


@pytest.mark.parametrize("options", [{"lossless": True}, {"quality": 50}, {"quality": 50, "exif": b"Exif\0\0MM\0*"}])
def test_all_three_kinds_of_webp(options: dict[str, object]) -> None:
    header = header_of(io.BytesIO(picture("WEBP", 300, 70, **options)))
    assert (header.width, header.height) == (300, 70)


@pytest.mark.parametrize("format", [*styles.STYLE_FORMATS, "MPO", "PPM", "ICO", "JPEG2000"])
@pytest.mark.parametrize("size", [(64, 64), (63, 64), (512, 64), (513, 64)])
def test_door_and_node_take_the_same_images(format: str, size: tuple[int, int]) -> None:
    data = picture(format, *size)

    def is_taken(look: Callable[[], object], refusal: type[Exception]) -> bool:
        try:
            look()
        except refusal:
            return False
        return True

    at_the_door = is_taken(lambda: header_of(io.BytesIO(data)).require_usable(), NoStyleImage)
    on_the_node = is_taken(lambda: style_image.read_style_image(data, "x", 64), style_image.StyleImageError)
    assert at_the_door == on_the_node
    assert at_the_door == (format in (*styles.STYLE_FORMATS, "MPO") and size in ((64, 64), (512, 64)))


def test_a_bomb_says_its_size_without_going_off() -> None:
    data = bomb(30_000, 30_000)
    assert len(data) < 100
    header = header_of(io.BytesIO(data))
    assert (header.width, header.height) == (30_000, 30_000)


@pytest.mark.parametrize(
    "data",
    [b"", b"not an image", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0AVI LIST", b"II*\0", b"BM", b"GIF89a"],
)
def test_what_is_no_image_is_refused_with_what_would_do(data: bytes) -> None:
    with pytest.raises(NoStyleImage, match="JPEG, PNG"):
        header_of(io.BytesIO(data))


@pytest.mark.parametrize(("width", "height", "problem"), [(63, 500, "too small"), (70, 600, "longer than 8 to 1")])
def test_a_picture_that_a_node_would_refuse_is_refused_at_once(width: int, height: int, problem: str) -> None:
    with pytest.raises(NoStyleImage, match=problem):
        header_of(io.BytesIO(picture("PNG", width, height))).require_usable()


type Upload = Callable[[bytes], tuple[BlobClient, str, int]]


@pytest.fixture
def upload(azurite: Azurite) -> Iterator[Upload]:
    with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        container = service.get_container_client("style-headers")
        if not container.exists():
            container.create_container()

        def put(data: bytes) -> tuple[BlobClient, str, int]:
            blob = container.get_blob_client("style.bin")
            blob.upload_blob(data, overwrite=True)
            properties = blob.get_blob_properties()
            return blob, str(properties.etag), int(properties.size)

        yield put


def test_only_the_header_of_a_large_image_is_read(upload: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(style_header, "MAX_HEADER_BYTES", 100_000)
    header = read_style_header(*upload(picture("BMP", 1000, 1000)))
    assert (header.width, header.height) == (1000, 1000)


def test_a_header_that_never_ends_is_not_read_to_its_end(upload: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(style_header, "MAX_HEADER_BYTES", 500_000)
    segment = b"\xff\xe2" + struct.pack(">H", 65_000) + bytes(64_998)
    with pytest.raises(NoStyleImage, match="500,000 bytes"):
        read_style_header(*upload(b"\xff\xd8" + segment * 20))


def test_a_directory_at_the_end_of_a_tiff_is_found(upload: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(style_header, "MAX_HEADER_BYTES", 300_000)
    data = picture("TIFF", 600, 500)
    [offset] = struct.unpack("<I", data[4:8])
    moved = data[:4] + struct.pack("<I", len(data)) + data[8:] + data[offset : offset + 4096]
    assert TiffImagePlugin.TiffImageFile(io.BytesIO(moved)).size == (600, 500)
    header = read_style_header(*upload(moved))
    assert (header.width, header.height) == (600, 500)
