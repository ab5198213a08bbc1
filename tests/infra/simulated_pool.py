"""A pool in simulated time: the formula as deployed, Batch's rhythm, and tasks that take a while. Nothing waits.

A step is 30 s, one sample. Samples reach the formula a minute late; it is evaluated every 5 minutes; a node takes 3
minutes to come. A spot node comes only while there is capacity, and goes, task and all, when that shrinks.
"""

from dataclasses import dataclass, field

from local.batch_service.formula import Samples, Value, evaluate

STEP = 30
LATE = 2  # samples not yet seen
EVALUATED = 10  # steps
BOOT = 6
METRICS = ("PendingTasks", "CurrentDedicatedNodes", "CurrentLowPriorityNodes", "PreemptedNodeCount")


@dataclass
class Node:
    dedicated: bool
    ready: int  # step
    task: int = 0  # steps left of its task
    leaving: bool = False


@dataclass
class SimulatedPool:
    formula: str
    capacity: int = 100  # spot nodes that the region has now
    step: int = 0
    blind: bool = False  # samples are lost
    targets: tuple[int, int] = (0, 0)  # dedicated, spot
    waiting: list[int] = field(default_factory=list)  # steps that each task needs
    nodes: list[Node] = field(default_factory=list)
    done: int = 0
    requeued: int = 0
    preempted: int = 0
    samples: list[dict[str, float] | None] = field(default_factory=list)
    history: list[tuple[int, int]] = field(default_factory=list)

    def submit(self, tasks: int, minutes: float) -> None:
        self.waiting += [int(minutes * 60 / STEP)] * tasks

    def run(self, minutes: float) -> None:
        for _ in range(int(minutes * 60 / STEP)):
            self._lose_spot()
            self._work()
            self._sample()
            if self.step % EVALUATED == 0:
                self._evaluate()
            self._resize()
            self.step += 1

    @property
    def pending(self) -> int:
        return len(self.waiting) + sum(node.task > 0 for node in self.nodes)

    def count(self, *, dedicated: bool) -> int:
        return sum(node.dedicated == dedicated for node in self.nodes)

    def _lose_spot(self) -> None:
        """Spot nodes beyond the capacity are taken away; their tasks go back to the queue."""
        spot = [node for node in self.nodes if not node.dedicated]
        for node in spot[self.capacity :]:
            self.nodes.remove(node)
            self.preempted += 1
            if node.task:
                self.waiting.insert(0, node.task)
                self.requeued += 1
        self.preempted = min(self.preempted, max(0, self.targets[1] - self.count(dedicated=False)))

    def _work(self) -> None:
        for node in self.nodes:
            if node.task:
                node.task -= 1
                self.done += node.task == 0
            if not node.task and self.waiting and not node.leaving and node.ready <= self.step:
                node.task = self.waiting.pop(0)

    def _sample(self) -> None:
        seen = {
            "PendingTasks": float(self.pending),
            "CurrentDedicatedNodes": float(self.count(dedicated=True)),
            # As Batch counts: with the preempted ones.
            "CurrentLowPriorityNodes": float(self.count(dedicated=False) + self.preempted),
            "PreemptedNodeCount": float(self.preempted),
        }
        self.samples.insert(0, None if self.blind else seen)

    def _evaluate(self) -> None:
        held: dict[str, Value] = {
            "$TargetDedicatedNodes": float(self.targets[0]),
            "$TargetLowPriorityNodes": float(self.targets[1]),
        }
        known = [(age * STEP + 15.0, seen) for age, seen in enumerate(self.samples) if age >= LATE and seen]
        metrics = {name: Samples(tuple((age, seen[name]) for age, seen in known)) for name in METRICS}
        result = evaluate(self.formula, metrics, held)
        assert result["$NodeDeallocationOption"] == "taskcompletion"
        dedicated, spot = result["$TargetDedicatedNodes"], result["$TargetLowPriorityNodes"]
        assert isinstance(dedicated, float)
        assert isinstance(spot, float)
        # Batch drops the fraction.
        self.targets = int(dedicated), int(spot)
        self.history.append(self.targets)

    def _resize(self) -> None:
        for dedicated, target in ((True, self.targets[0]), (False, self.targets[1])):
            staying = [node for node in self.nodes if node.dedicated == dedicated and not node.leaving]
            room = target if dedicated else min(target, self.capacity)
            self.nodes += [Node(dedicated, self.step + BOOT) for _ in range(room - len(staying))]
            if not dedicated:
                self.preempted = max(0, self.preempted - max(0, room - len(staying)))
            for node in sorted(staying, key=lambda node: node.task)[: max(0, len(staying) - target)]:
                node.leaving = True
        # taskcompletion: a node that is to go finishes its task first.
        self.nodes = [node for node in self.nodes if not (node.leaving and node.task == 0)]
