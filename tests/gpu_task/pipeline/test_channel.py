import threading
import time

import pytest

from gpu_task.pipeline.channel import Channel, Joint, StoppedError
from tests.gpu_task.pipeline.parts import GUARD

pytestmark = pytest.mark.timeout(60)


def test_items_come_in_order_up_to_the_end() -> None:
    channel = Channel[int](Joint(), 3)
    for number in range(3):
        channel.put(number)
    channel.end()

    assert list(channel) == [0, 1, 2]
    assert channel.take() is None


def test_what_is_not_there_yet_is_not_waited_for() -> None:
    channel = Channel[int](Joint(), 1)

    assert channel.take_ready() is None
    channel.put(7)
    assert channel.take_ready() == 7


def test_a_full_channel_is_waited_for_and_the_seconds_are_counted() -> None:
    channel, second_put = Channel[int](Joint(), 1), threading.Event()
    channel.put(1)

    def put_another() -> None:
        channel.put(2)
        second_put.set()

    thread = threading.Thread(target=put_another)
    thread.start()
    assert not second_put.wait(0.05)
    assert channel.take() == 1
    assert second_put.wait(GUARD)
    thread.join()
    assert channel.blocked > 0
    assert channel.starved == 0


@pytest.mark.parametrize("waiting", ["for room", "for an item"])
def test_a_stage_that_waits_is_woken_by_an_error_elsewhere(waiting: str) -> None:
    joint = Joint()
    channel, stopped = Channel[int](joint, 1), threading.Event()

    def wait() -> None:
        try:
            channel.take() if waiting == "for an item" else (channel.put(1), channel.put(2))
        except StoppedError:
            stopped.set()

    thread = threading.Thread(target=wait)
    thread.start()
    joint.fail(ValueError("elsewhere"))
    assert stopped.wait(GUARD)
    thread.join()


def test_after_an_error_nothing_more_is_taken_or_put() -> None:
    joint = Joint()
    channel = Channel[int](joint, 2)
    channel.put(1)
    joint.fail(ValueError("first"))
    joint.fail(ValueError("second"))

    for act in (channel.take, channel.take_ready, lambda: channel.put(2)):
        with pytest.raises(StoppedError):
            act()
    assert str(joint.error) == "first"


def test_a_channel_holds_at_least_one_item() -> None:
    with pytest.raises(ValueError, match="limit: 0"):
        Channel[int](Joint(), 0)


def test_it_knows_when_the_first_and_the_last_item_were_put() -> None:
    channel, before = Channel[int](Joint(), 3), time.perf_counter()
    assert (channel.first, channel.last) == (0.0, 0.0)
    channel.put(1)
    between = time.perf_counter()
    channel.put(2)
    assert before <= channel.first <= between <= channel.last <= time.perf_counter()
