"""What happens to a GPU task's process and to the node below it."""

import os
import signal

from azure.core.rest import HttpRequest

from tests.chaos.faults.fault import Fault, Scene, TooLate

_POOL = "atelier"


def _signal(scene: Scene, number: signal.Signals) -> tuple[int, str]:
    """Signals a GPU task of the job, at a random age; its pid and task id."""
    for _ in range(20):
        process = scene.gpu_task(scene.rng.uniform(0, 1.5))
        try:
            os.kill(process.pid, number)
        except ProcessLookupError:
            continue
        return process.pid, process.task
    raise TooLate


class GpuTaskKilled(Fault):
    name = "gpu-task-killed"

    def inject(self, scene: Scene) -> str:
        _, task = _signal(scene, signal.SIGKILL)
        return f"SIGKILL to task {task}"


class GpuTaskPaused(Fault):
    name = "gpu-task-paused"

    def inject(self, scene: Scene) -> str:
        pid, task = _signal(scene, signal.SIGSTOP)
        seconds = scene.rng.uniform(1, 6)
        scene.rest(seconds)
        try:
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            return f"SIGSTOP to task {task}, which was ended meanwhile"
        return f"SIGSTOP to task {task}, SIGCONT {seconds:.1f} s later"


class GpuTaskStopped(Fault):
    """Its wall-clock limit ends it: GPU_TASK_MAX_SECONDS."""

    name = "gpu-task-stopped"

    def inject(self, scene: Scene) -> str:
        _, task = _signal(scene, signal.SIGSTOP)
        return f"SIGSTOP to task {task}, for ever"


class NodePreempted(Fault):
    name = "node-preempted"

    def inject(self, scene: Scene) -> str:
        process = scene.gpu_task(scene.rng.uniform(0, 1.5))
        seconds = scene.rng.uniform(0, 5)
        scene.stack.batch.send_request(
            HttpRequest("POST", f"/_local/nodes/{process.node}/preempt?seconds={seconds:.1f}")
        ).raise_for_status()
        return f"node of task {process.task} preempted, back after {seconds:.1f} s"


class NodeRebooted(Fault):
    """`terminate` ends the node's tasks for good: the workflow's next attempt has to do their work."""

    name = "node-rebooted"

    def inject(self, scene: Scene) -> str:
        process = scene.gpu_task(scene.rng.uniform(0, 1.5))
        option = scene.rng.choice(["requeue", "terminate"])
        request = HttpRequest(
            "POST",
            f"/pools/{_POOL}/nodes/{process.node}/reboot",
            params={"api-version": "2025-06-01"},
            headers={"Content-Type": "application/json; odata=minimalmetadata"},
            json={"nodeRebootOption": option},
        )
        scene.stack.batch.send_request(request).raise_for_status()
        return f"node of task {process.task} rebooted, its tasks: {option}"
