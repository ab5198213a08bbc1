"""What queues do to messages: lose, repeat, reorder, delay them. A thief takes them before the host does."""

import json
import time
from base64 import b64decode
from dataclasses import dataclass
from typing import Any

from azure.storage.queue import QueueClient

from contracts.messages import GPU_RESULTS_QUEUE, GPU_TASKS_QUEUE
from tests.chaos.faults.fault import Fault, Scene, TooLate

_LOOK_SECONDS = 0.01


@dataclass(frozen=True)
class Stolen:
    """A message's text as it was in the queue, and the task it is about."""

    text: str
    task: str


class _Thief(Fault):
    alone = True  # it takes whatever comes
    queue: str

    def client(self, scene: Scene) -> QueueClient:
        return scene.stack.queues["system"].get_queue_client(self.queue)

    def steal(self, scene: Scene, most: int, seconds: float) -> list[Stolen]:
        """Up to `most` messages; `seconds` after the first the thief goes with what he has.

        Raises:
            TooLate: no message came before the job was over.
        """
        client, stolen = self.client(scene), list[Stolen]()
        deadline: float | None = None
        while len(stolen) < most and not (scene.over.is_set() or (deadline and time.monotonic() > deadline)):
            for message in client.receive_messages(max_messages=most - len(stolen), visibility_timeout=60):
                client.delete_message(message)
                body: dict[str, Any] = json.loads(b64decode(message.content))
                stolen.append(Stolen(message.content, body["task"]))
                deadline = deadline or time.monotonic() + seconds
            scene.rest(_LOOK_SECONDS)
        if not stolen:
            raise TooLate
        return stolen

    def put_back(self, scene: Scene, texts: list[str]) -> None:
        for text in texts:
            self.client(scene).send_message(text, time_to_live=-1)


def _names(stolen: list[Stolen]) -> str:
    return ", ".join(one.task for one in stolen)


class _Doubled(_Thief):
    def inject(self, scene: Scene) -> str:
        stolen = self.steal(scene, scene.rng.randint(1, 4), 3.0)
        again = [one.text for one in reversed(stolen)] + [one.text for one in stolen]
        self.put_back(scene, again)
        return f"{self.queue}: messages of {_names(stolen)} put back in reverse order, and again in order"


class ResultsDoubled(_Doubled):
    name = "results-doubled"
    queue = GPU_RESULTS_QUEUE


class TasksDoubled(_Doubled):
    name = "tasks-doubled"
    at_once = True  # these messages come in a job's first second
    queue = GPU_TASKS_QUEUE


class _Lost(_Thief):
    def inject(self, scene: Scene) -> str:
        stolen = self.steal(scene, scene.rng.randint(1, 3), 3.0)
        return f"{self.queue}: messages of {_names(stolen)} lost"


class ResultsLost(_Lost):
    name = "results-lost"
    queue = GPU_RESULTS_QUEUE


class TasksLost(_Lost):
    name = "tasks-lost"
    at_once = True  # these messages come in a job's first second
    queue = GPU_TASKS_QUEUE


class ResultsDelayed(_Thief):
    """Hidden far past the poll's deadline, which finds the segments; they come when nobody waits for them any more."""

    name = "results-delayed"
    queue = GPU_RESULTS_QUEUE

    def __init__(self) -> None:
        self._held: list[Stolen] = []

    def inject(self, scene: Scene) -> str:
        self._held = self.steal(scene, 4, 30.0)
        if scene.rng.random() < 0.5:
            scene.rest(300)  # until the job is over
            when = "after the job was over"
        else:
            seconds = scene.rng.uniform(3, 8)
            scene.rest(seconds)
            when = f"{seconds:.1f} s later"
        held, self._held = self._held, []
        self.put_back(scene, [one.text for one in held])
        return f"{self.queue}: messages of {_names(held)} delivered {when}"
