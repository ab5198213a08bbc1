"""The rules of the queue listener, against Azurite."""

import asyncio
import base64
import inspect
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueClient

from local.functions_host.errors import InvocationError
from local.functions_host.host_json import QueueSettings
from local.functions_host.queue_listener import QueueListener

pytestmark = pytest.mark.timeout(60)

SETTINGS = QueueSettings(batch_size=8, new_batch_threshold=4, max_dequeue_count=3, max_polling_interval_s=0.2)


@dataclass
class Bench:
    """A queue, its poison queue, and what the handler saw."""

    queue: QueueClient
    poison: QueueClient
    seen: list[tuple[str, int]] = field(default_factory=list)

    async def send(self, text: str) -> None:
        await self.queue.send_message(base64.b64encode(text.encode()).decode())

    async def poisoned(self) -> list[str]:
        return [str(one.content) for one in await self.poison.peek_messages(max_messages=32)]

    async def left(self) -> int:
        """Messages in the queue, invisible ones included."""
        return (await self.queue.get_queue_properties()).approximate_message_count or 0


@pytest_asyncio.fixture
async def bench(azurite: str) -> AsyncIterator[Bench]:
    name = f"q{uuid.uuid4().hex[:12]}"
    queue = QueueClient.from_connection_string(azurite, name)
    poison = QueueClient.from_connection_string(azurite, f"{name}-poison")
    async with queue, poison:
        await queue.create_queue()
        await poison.create_queue()
        yield Bench(queue, poison)


async def until[T](probe: Callable[[], T | Awaitable[T]]) -> T:
    """The first true value of `probe`; the test's own time-out guards."""
    while True:
        value = probe()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return value  # type: ignore[return-value]
        await asyncio.sleep(0.02)


class Listening:
    """A listener that runs while the block does."""

    def __init__(self, bench: Bench, handler: object, lease_s: float = 60.0, grace_s: float = 5.0) -> None:
        self._stop = asyncio.Event()
        self._listener = QueueListener(bench.queue, bench.poison, SETTINGS, handler, lease_s)  # type: ignore[arg-type]
        self._grace_s = grace_s

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._listener.run(self._stop, self._grace_s))

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        await self._task


def recorder(bench: Bench, fail: Callable[[str], bool] = lambda text: False) -> object:
    async def handle(message: QueueMessage, content: bytes) -> None:
        bench.seen.append((content.decode(), message.dequeue_count or 0))
        if fail(content.decode()):
            raise InvocationError("handler", "RuntimeError('no')")

    return handle


async def test_a_handled_message_is_deleted(bench: Bench) -> None:
    await bench.send("hello")
    async with Listening(bench, recorder(bench)):
        await until(lambda: bench.seen)
    assert bench.seen == [("hello", 1)]
    assert await bench.left() == 0


async def test_a_failing_message_is_tried_to_the_limit_then_moved_verbatim_to_poison(bench: Bench) -> None:
    await bench.send("bad")
    async with Listening(bench, recorder(bench, fail=lambda text: True)):
        poisoned = await until(bench.poisoned)
    assert bench.seen == [("bad", 1), ("bad", 2), ("bad", 3)]
    assert poisoned == [base64.b64encode(b"bad").decode()]
    assert await bench.left() == 0


async def test_a_message_that_fails_once_is_tried_again(bench: Bench) -> None:
    await bench.send("shaky")
    async with Listening(bench, recorder(bench, fail=lambda text: len(bench.seen) == 1)):
        await until(lambda: len(bench.seen) == 2)
    assert bench.seen == [("shaky", 1), ("shaky", 2)]
    assert await bench.left() == 0


async def test_a_message_that_is_not_base64_goes_to_poison_without_reaching_the_handler(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    await bench.queue.send_message("{not base64}")
    async with Listening(bench, recorder(bench)):
        poisoned = await until(bench.poisoned)
    assert poisoned == ["{not base64}"]
    assert bench.seen == []
    assert "is not base64" in caplog.text


async def test_the_lease_of_a_slow_message_is_renewed(bench: Bench) -> None:
    await bench.send("slow")

    async def slow(message: QueueMessage, content: bytes) -> None:
        bench.seen.append((content.decode(), message.dequeue_count or 0))
        await asyncio.sleep(3.5)  # more than three leases

    async with Listening(bench, slow, lease_s=1.0, grace_s=20.0):
        await asyncio.sleep(3.0)
    assert bench.seen == [("slow", 1)]
    assert await bench.left() == 0


async def test_many_messages_are_handled_once_each(bench: Bench) -> None:
    for number in range(60):
        await bench.send(str(number))
    async with Listening(bench, recorder(bench)):
        await until(lambda: len(bench.seen) >= 60)
    assert sorted(int(text) for text, _ in bench.seen) == list(range(60))


async def test_a_message_whose_handler_outlives_the_grace_is_given_back_at_once(bench: Bench) -> None:
    await bench.send("endless")

    async def endless(message: QueueMessage, content: bytes) -> None:
        bench.seen.append((content.decode(), message.dequeue_count or 0))
        await asyncio.sleep(3600)

    async with Listening(bench, endless, grace_s=0.1):
        await until(lambda: bench.seen)
    again = await bench.queue.receive_message()
    assert again is not None
    assert again.dequeue_count == 2


async def test_a_queue_that_does_not_exist_yet_is_waited_for(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    await bench.queue.delete_queue()
    async with Listening(bench, recorder(bench)):
        await until(lambda: "does not exist yet" in caplog.text)
        await bench.queue.create_queue()
        await bench.send("late")
        await until(lambda: bench.seen)
    assert bench.seen == [("late", 1)]
