"""The containers and queues that a deployment makes are those that the app uses."""

from contracts import layout
from contracts.messages import GPU_RESULTS_QUEUE, GPU_TASKS_QUEUE
from local.infrastructure import CONTAINERS, QUEUES


def test_the_local_stack_makes_every_container_and_queue_of_the_app_and_no_other() -> None:
    assert set(CONTAINERS["data"]) == {layout.VIDEOS, layout.STYLES, layout.IMAGES, layout.OUTPUTS}
    assert set(CONTAINERS["system"]) == {layout.JOBS, layout.MODELS, layout.LOGS, layout.DEADLETTER}
    queues = {GPU_TASKS_QUEUE, GPU_RESULTS_QUEUE}
    assert set(QUEUES["system"]) == queues | {f"{queue}-poison" for queue in queues}
