"""One queue, one handler, by the rules of the WebJobs queue listener.

A message is leased, the lease renewed while its handler runs, the message deleted when the handler returns. A handler
that raises gives the message back after `visibilityTimeout`; at the `maxDequeueCount`-th failure it goes, verbatim, to
the poison queue. A message that is not valid base64 goes there at once: no retry can mend it.
"""

import asyncio
import base64
import binascii
import contextlib
import logging
import traceback
from collections.abc import Awaitable, Callable

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueClient

from local.functions_host.errors import InvocationError
from local.functions_host.host_json import QueueSettings
from local.functions_host.outputs import send_creating
from local.functions_host.redaction import redact

log = logging.getLogger(__name__)

# WebJobs leases for ten minutes. The lease is renewed at half time, so a shorter one changes nothing while the host
# lives, and brings the messages of a killed host back within the minute.
LEASE_S = 60.0
FIRST_DELAY_S = 0.1  # WebJobs' minimum polling interval

Handler = Callable[[QueueMessage, bytes], Awaitable[None]]


class QueueListener:
    """Polls `queue`, with a delay that grows while it is empty, and runs `handler` on each message."""

    def __init__(
        self,
        queue: QueueClient,
        poison: QueueClient,
        settings: QueueSettings,
        handler: Handler,
        lease_s: float = LEASE_S,
    ) -> None:
        self._queue = queue
        self._poison = poison
        self._settings = settings
        self._handler = handler
        self._lease_s = lease_s
        self._running: set[asyncio.Task[None]] = set()
        self._missing = False

    async def run(self, stop: asyncio.Event, grace_s: float = 30.0) -> None:
        """Listen until `stop`, then let running handlers finish for `grace_s` seconds and give the rest back."""
        delay = FIRST_DELAY_S
        while not stop.is_set():
            received = await self._receive() if len(self._running) <= self._settings.new_batch_threshold else []
            for message in received:
                task = asyncio.create_task(self._process(message))
                self._running.add(task)
                task.add_done_callback(self._running.discard)
            if received:
                delay = FIRST_DELAY_S
            else:
                await self._rest(stop, delay)
                delay = min(delay * 1.5, max(self._settings.max_polling_interval_s, FIRST_DELAY_S))
        await self._drain(grace_s)

    async def _rest(self, stop: asyncio.Event, delay: float) -> None:
        """Wait `delay`, less if the host stops, or a full listener gets a free place."""
        stopping = asyncio.create_task(stop.wait())
        full = len(self._running) > self._settings.new_batch_threshold
        waiting_for = {stopping, *self._running} if full else {stopping}
        await asyncio.wait(waiting_for, timeout=delay, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()

    async def _drain(self, grace_s: float) -> None:
        if not self._running:
            return
        _, late = await asyncio.wait(self._running, timeout=grace_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _receive(self) -> list[QueueMessage]:
        batch = self._settings.batch_size
        try:
            pages = self._queue.receive_messages(
                messages_per_page=batch, max_messages=batch, visibility_timeout=round(self._lease_s)
            )
            messages = [message async for message in pages]
        except ResourceNotFoundError:
            if not self._missing:
                log.warning("queue %s does not exist yet; waiting for it", self._queue.queue_name)
            self._missing = True
            return []
        except AzureError as error:
            log.warning("queue %s cannot be read: %s", self._queue.queue_name, redact(str(error)))
            return []
        self._missing = False
        return messages

    async def _process(self, message: QueueMessage) -> None:
        try:
            await self._process_leased(message)
        except ResourceNotFoundError:
            log.warning("queue %s: message %s was taken or deleted by another", self._queue.queue_name, message.id)
        except AzureError as error:  # the message comes back when its lease ends
            name, reason = self._queue.queue_name, redact(str(error))
            log.warning("queue %s: message %s could not be settled: %s", name, message.id, reason)

    async def _process_leased(self, message: QueueMessage) -> None:
        limit = self._settings.max_dequeue_count
        content = self._decode(message)
        if content is None or (message.dequeue_count or 0) > limit:
            await self._move_to_poison(message)
            return
        try:
            succeeded = await self._handle(message, content)
        except asyncio.CancelledError:  # the host stops: let the next one have it at once
            await self._queue.update_message(message.id, message.pop_receipt, visibility_timeout=0)
            raise
        if succeeded:
            await self._queue.delete_message(message.id, message.pop_receipt)
        elif (message.dequeue_count or 0) >= limit:
            await self._move_to_poison(message)
        else:
            back_in = round(self._settings.visibility_timeout_s)
            await self._queue.update_message(message.id, message.pop_receipt, visibility_timeout=back_in)

    async def _handle(self, message: QueueMessage, content: bytes) -> bool:
        renewing = asyncio.create_task(self._renew(message))
        try:
            await self._handler(message, content)
        except InvocationError as error:
            self._log_failure(message, error.summary, error.trace)
            return False
        except Exception as error:  # noqa: BLE001 - inputs or outputs could not be bound: a failed attempt like any other
            self._log_failure(message, redact(repr(error)), redact(traceback.format_exc()))
            return False
        finally:
            renewing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await renewing
        return True

    def _log_failure(self, message: QueueMessage, summary: str, trace: str) -> None:
        log.error(
            "queue %s: message %s, attempt %s of %d: %s\n%s",
            self._queue.queue_name,
            message.id,
            message.dequeue_count,
            self._settings.max_dequeue_count,
            summary,
            trace,
        )

    async def _renew(self, message: QueueMessage) -> None:
        while True:
            await asyncio.sleep(self._lease_s / 2)
            try:
                renewed = await self._queue.update_message(
                    message.id, message.pop_receipt, visibility_timeout=round(self._lease_s)
                )
                message.pop_receipt = renewed.pop_receipt
            except AzureError as error:
                name, reason = self._queue.queue_name, redact(str(error))
                log.warning("queue %s: the lease of message %s was not renewed: %s", name, message.id, reason)

    def _decode(self, message: QueueMessage) -> bytes | None:
        text = str(message.content)
        if not self._settings.base64:
            return text.encode()
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            name = self._queue.queue_name
            log.error("queue %s: message %s is not base64, as messageEncoding says", name, message.id)
            return None

    async def _move_to_poison(self, message: QueueMessage) -> None:
        await send_creating(self._poison, str(message.content))  # first put, then delete: never lost
        await self._queue.delete_message(message.id, message.pop_receipt)
        log.error("queue %s: message %s moved to %s", self._queue.queue_name, message.id, self._poison.queue_name)
