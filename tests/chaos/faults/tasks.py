"""Tasks that do not do their work: orders to tests/chaos/wayward_task.py."""

import json
from pathlib import Path

from tests.chaos.faults.fault import Fault, Scene, TooLate


class _Wayward(Fault):
    at_once = True
    fault: str

    def tasks(self, scene: Scene) -> str:
        """The ids of the tasks that shall go wrong, as a regular expression: some chunks' first one or two tries."""
        chunks = -(-48 // scene.job.variant.chunk_size)
        chosen = scene.rng.sample(range(chunks), scene.rng.randint(1, chunks))
        tries = scene.rng.choice(["1", "[12]"])
        return f"c0000[{''.join(str(chunk) for chunk in sorted(chosen))}]-a{tries}"

    def inject(self, scene: Scene) -> str:
        wanted = self.tasks(scene)
        order, draft = self._order(scene), self._order(scene).with_suffix(".draft")
        draft.write_text(json.dumps({"fault": self.fault, "tasks": wanted}))
        draft.rename(order)
        scene.rest(300)  # until the job is over: only then is it known what was done
        proofs = self._proofs(scene)
        if not proofs:
            raise TooLate
        how = sorted({proof.read_text() for proof in proofs})
        return f"{self.fault} ({', '.join(how)}) by {len(proofs)} tasks of {wanted}"

    def lift(self, scene: Scene) -> None:
        for path in (self._order(scene), *self._proofs(scene)):
            path.unlink(missing_ok=True)

    def _order(self, scene: Scene) -> Path:
        return scene.stack.orders / f"{scene.job.id}.{self.fault}.json"

    def _proofs(self, scene: Scene) -> list[Path]:
        return sorted(scene.stack.orders.glob(f"{scene.job.id}.*.{self.fault}"))


class TaskHangs(_Wayward):
    """One try of one chunk: each takes as long as the wall-clock limit allows."""

    name = "task-hangs"
    fault = "hang"

    def tasks(self, scene: Scene) -> str:
        return f"c0000{scene.rng.randrange(48 // scene.job.variant.chunk_size)}-a1"


class TaskLies(_Wayward):
    name = "task-lies"
    fault = "lie"


class DiskFull(_Wayward):
    name = "disk-full"
    fault = "disk-full"


class _Always(_Wayward):
    combines = False

    def tasks(self, scene: Scene) -> str:
        return ".*"


class TasksAlwaysLie(_Always):
    fault = "lie"
    name = "tasks-always-lie"
    may_fail = r"said it succeeded, but"


class DiskAlwaysFull(_Always):
    fault = "disk-full"
    name = "disk-always-full"
    may_fail = r"No space left on device|File too large"
