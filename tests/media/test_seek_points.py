"""What a decoder can start at, on packets built here."""

import pytest

from media.seek_points import is_seek_point, is_unreferenced

AVCC = b"\x01\x64\x00\x1f\xff\xe1"  # four-byte lengths
IDR, SLICE, SPS = b"\x65\x88", b"\x41\x9a", b"\x67\x64"


def sei(kind: int, payload: bytes) -> bytes:
    return b"\x06" + bytes([kind, len(payload)]) + payload + b"\x80"


RECOVERY_NOW = sei(6, b"\x84")  # ue(0), exact_match, ...
RECOVERY_LATER = sei(6, b"\x02\x70")  # ue(38)
OTHER = sei(5, b"text of an encoder")


def avcc(*units: bytes) -> bytes:
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)


def annex_b(*units: bytes) -> bytes:
    return b"".join(b"\0\0\0\1" + unit for unit in units)


@pytest.mark.parametrize(("frame", "extradata"), [(avcc, AVCC), (annex_b, None), (annex_b, b"\0\0\0\1\x67")])
@pytest.mark.parametrize(
    ("units", "expected"),
    [
        ((IDR,), True),
        ((SPS, OTHER, IDR), True),
        ((SLICE,), False),
        ((RECOVERY_NOW, SLICE), True),
        ((OTHER, RECOVERY_NOW, SLICE), True),
        ((RECOVERY_LATER, SLICE), False),
        ((OTHER, SLICE), False),
        ((RECOVERY_NOW,), False),
        ((), False),
    ],
)
def test_a_seek_point_is_an_idr_picture_or_an_immediate_recovery_point(
    frame: object, extradata: bytes | None, units: tuple[bytes, ...], expected: bool
) -> None:
    assert callable(frame)
    assert is_seek_point(frame(*units), extradata) is expected


LONE = b"\x01\x9e"  # nal_ref_idc 0


@pytest.mark.parametrize(
    ("packet", "extradata", "expected"),
    [
        (avcc(LONE, LONE), AVCC, True),
        (avcc(OTHER, LONE), AVCC, True),
        (avcc(SLICE), AVCC, False),
        (avcc(LONE, SLICE), AVCC, False),
        (avcc(LONE)[:-1], AVCC, False),
        (avcc(LONE) + b"\0", AVCC, False),
        (avcc(b"\x81\x9e"), AVCC, False),  # forbidden_zero_bit
        (avcc(OTHER), AVCC, False),
        (bytes(40), AVCC, False),
        (annex_b(LONE), None, False),
        (b"", AVCC, False),
    ],
)
def test_a_packet_is_unreferenced_only_if_it_says_so_and_is_intact(
    packet: bytes, extradata: bytes | None, expected: bool
) -> None:
    assert is_unreferenced(packet, extradata) is expected
