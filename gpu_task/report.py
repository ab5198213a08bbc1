"""The last word of a task: one `GpuResult` on the results queue."""

from azure.storage.queue import QueueClient, TextBase64EncodePolicy

from contracts.messages import GpuResult
from gpu_task.transport import transport


def send(queue_url: str, result: GpuResult) -> None:
    """Adds the message; base64, because that is what the Functions host reads by default.

    Raises:
        azure.core.exceptions.AzureError: it could not be sent, after the SDK's retries.
    """
    policy = TextBase64EncodePolicy()
    with QueueClient.from_queue_url(queue_url, message_encode_policy=policy, transport=transport()) as queue:
        # A result is waited for; it must not expire before the orchestration's own deadline.
        queue.send_message(result.to_json(), time_to_live=-1)
