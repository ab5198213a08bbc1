import logging
import socket
from collections.abc import Iterator

import pytest

from local.errors import PortError
from local.ports import ADDRESS, FREE, choose_ports


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that something listens on."""
    with socket.socket() as listener:
        listener.bind((ADDRESS, 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture
def free() -> int:
    with socket.socket() as listener:
        listener.bind((ADDRESS, 0))
        return listener.getsockname()[1]


def test_the_usual_port_is_taken_when_free(free: int) -> None:
    assert choose_ports({"blob": free}, {}) == {"blob": free}


def test_another_one_is_found_when_it_is_not(taken: int) -> None:
    assert choose_ports({"blob": taken}, {})["blob"] not in (0, taken)


def test_the_port_of_the_last_run_goes_first(free: int, taken: int) -> None:
    assert choose_ports({"blob": taken}, {"blob": free}) == {"blob": free}


def test_losing_the_port_of_the_last_run_is_said_aloud(taken: int, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        moved = choose_ports({"blob": 0}, {"blob": taken})["blob"]
    assert f"port {taken}, used for blob so far, is taken: using {moved}" in caplog.text


def test_any_free_one_is_none_that_an_outgoing_connection_may_be_given() -> None:
    assert choose_ports({"blob": 0}, {})["blob"] in FREE


def test_no_two_are_the_same(free: int) -> None:
    chosen = choose_ports(dict.fromkeys("abc", free), {})
    assert len(set(chosen.values())) == 3
    assert free in chosen.values()


def test_a_port_that_was_asked_for_is_had_or_refused(free: int, taken: int) -> None:
    assert choose_ports({"functions": 0}, {"functions": taken}, {"functions": free}) == {"functions": free}
    with pytest.raises(PortError, match=f"port {taken} for functions is taken"):
        choose_ports({"functions": free}, {}, {"functions": taken})
