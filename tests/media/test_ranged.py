"""A file over ranged reads: what it returns, and how few requests it makes."""

import io
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.ranged import RangedReader

DATA = bytes(range(256)) * 40


def reader(block_size: int = 100, data: bytes = DATA) -> tuple[RangedReader, list[tuple[int, int]]]:
    calls: list[tuple[int, int]] = []

    def read_range(offset: int, length: int) -> bytes:
        calls.append((offset, length))
        return data[offset : offset + length]

    return RangedReader(read_range, len(data), block_size), calls


@settings(deadline=None)
@given(
    st.integers(1, 3000),
    st.lists(
        st.tuples(st.integers(-200, len(DATA) + 200), st.sampled_from([0, 1, 2]), st.integers(-1, 4000)), max_size=20
    ),
)
def test_it_reads_what_a_file_reads(block_size: int, steps: list[tuple[int, int, int]]) -> None:
    ranged, _ = reader(block_size)
    plain = io.BytesIO(DATA)
    for offset, whence, size in steps:
        base = (0, plain.tell(), len(DATA))[whence]
        if base + offset < 0:
            with pytest.raises(ValueError, match="before the start"):
                ranged.seek(offset, whence)
            continue
        assert ranged.seek(offset, whence) == plain.seek(base + offset)
        assert ranged.read(size) == plain.read(size)
        assert ranged.tell() == plain.tell()


def test_requests_are_aligned_blocks_within_the_object() -> None:
    ranged, calls = reader()
    ranged.seek(250)
    assert ranged.read(10) == DATA[250:260]
    ranged.seek(-5, os.SEEK_END)
    assert ranged.read() == DATA[-5:]
    assert calls == [(200, 100), (10200, 40)]
    assert (ranged.requests, ranged.bytes_read) == (2, 140)
    assert ranged.seconds > 0


def test_a_read_over_several_blocks_is_one_request() -> None:
    ranged, calls = reader()
    ranged.seek(950)
    assert ranged.read(400) == DATA[950:1350]
    assert calls == [(900, 500)]


def test_recent_blocks_are_kept_and_old_ones_dropped() -> None:
    ranged, calls = reader()
    for number in (3, 3, 20, 3):
        ranged.seek(number * 100)
        ranged.read(1)
    assert len(calls) == 2
    for number in range(30, 70, 5):
        ranged.seek(number * 100)
        ranged.read(1)
    ranged.seek(2000)
    ranged.read(1)
    assert calls[-1] == (2000, 100)


def test_reading_on_and_on_is_given_larger_requests() -> None:
    ranged, calls = reader()
    while ranged.read(50):
        pass
    assert max(length for _, length in calls) == 800
    assert ranged.requests < len(DATA) // 100 // 3
    assert ranged.bytes_read == len(DATA)


def test_a_short_answer_is_an_error() -> None:
    ranged = RangedReader(lambda offset, length: b"short", 1000, 100, name="film.mp4")
    with pytest.raises(OSError, match=r"film\.mp4: asked for 100 bytes at 0, got 5"):
        ranged.read(1)


def test_a_closed_reader_reads_no_more() -> None:
    ranged, _ = reader()
    with ranged:
        ranged.read(1)
    with pytest.raises(ValueError, match="closed"):
        ranged.read(1)


def test_another_reader_of_the_same_object_has_a_place_and_counts_of_its_own() -> None:
    data = bytes(range(200))
    one = RangedReader(lambda offset, length: data[offset : offset + length], len(data), 16, name="object")
    one.seek(50)

    other = one.again()

    assert (other.read(3), one.read(3)) == (data[:3], data[50:53])
    assert (other.name, other.requests, one.requests) == ("object", 1, 1)
