"""Autoscale: samples a pool's metrics and applies its formula, in simulated time."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from local.batch_service.background import Background
from local.batch_service.clock import Clock
from local.batch_service.errors import invalid_property
from local.batch_service.formula import FormulaError, SampleError, Samples, Value, evaluate
from local.batch_service.records import Pool, Raw
from local.batch_service.state import State
from local.batch_service.timestamps import iso_now

SAMPLE_SECONDS = 30.0  # Batch samples about every 30 seconds (autoscale documentation)
KEPT_SAMPLES = 2880  # a day
_METRICS = (
    "ActiveTasks",
    "RunningTasks",
    "PendingTasks",
    "CurrentDedicatedNodes",
    "CurrentLowPriorityNodes",
    "PreemptedNodeCount",
)


@dataclass
class _Scaling:
    """What autoscale knows about one pool."""

    samples: deque[tuple[float, dict[str, float]]] = field(default_factory=lambda: deque(maxlen=KEPT_SAMPLES))
    loops: tuple[asyncio.Task[None], ...] = ()


class Autoscaler:
    """`resize(pool, dedicated, low priority, deallocation option)` applies a result."""

    resize: Callable[[Pool, int, int, str], None]

    def __init__(self, state: State, clock: Clock, background: Background) -> None:
        self._state, self._clock, self._background = state, clock, background
        self._scaling: dict[Pool, _Scaling] = {}

    def start(self, pool: Pool) -> None:
        """Evaluates the formula now and after every interval; a second start restarts the interval."""
        self.stop(pool)
        loops = (self._background.spawn(self._sample(pool)), self._background.spawn(self._scale(pool)))
        self._scaling[pool] = _Scaling(loops=loops)

    def stop(self, pool: Pool) -> None:
        scaling = self._scaling.pop(pool, None)
        for loop in scaling.loops if scaling else ():
            loop.cancel()

    @staticmethod
    def check(formula: str) -> None:
        """Raises BadRequest for a formula that could never be evaluated; missing samples are no fault."""
        nothing = {name: Samples() for name in _METRICS}
        try:
            evaluate(formula, nothing, {"$TargetDedicatedNodes": 0.0, "$TargetLowPriorityNodes": 0.0})
        except SampleError:
            return
        except FormulaError as error:
            raise invalid_property("autoScaleFormula", formula, str(error)) from error

    def evaluate(self, pool: Pool, formula: str) -> tuple[dict[str, Value], Raw]:
        """The formula's variables (empty when it failed) and the run as Batch reports it."""
        current: dict[str, Value] = {
            "$TargetDedicatedNodes": float(pool.dedicated),
            "$TargetLowPriorityNodes": float(pool.low_priority),
            "$NodeDeallocationOption": "requeue",
        }
        try:
            result = current | evaluate(formula, self._metrics(pool), current)
        except FormulaError as error:
            failure = {"code": "InvalidAutoScaleFormula", "message": str(error), "values": []}
            return {}, {"timestamp": iso_now(), "results": "", "error": failure}
        return result, {"timestamp": iso_now(), "results": ";".join(_shown(result))}

    def _metrics(self, pool: Pool) -> dict[str, Samples]:
        now = self._clock.now()
        scaling = self._scaling.get(pool)
        taken = list(reversed(scaling.samples)) if scaling else []
        return {
            name: Samples(tuple((now - when, values[name]) for when, values in taken), SAMPLE_SECONDS)
            for name in _METRICS
        }

    async def _sample(self, pool: Pool) -> None:
        while True:
            self._scaling[pool].samples.append((self._clock.now(), self._measure(pool)))
            await self._clock.sleep(SAMPLE_SECONDS)

    def _measure(self, pool: Pool) -> dict[str, float]:
        jobs = [job for job in self._state.jobs.values() if job.pool_key == pool.id.lower()]
        active = sum(job.counts["active"] for job in jobs)
        running = sum(job.counts["running"] for job in jobs)
        return {
            "ActiveTasks": float(active),
            "RunningTasks": float(running),
            "PendingTasks": float(active + running),
            "CurrentDedicatedNodes": float(len(pool.members(dedicated=True))),
            "CurrentLowPriorityNodes": float(len(pool.members(dedicated=False))),
            "PreemptedNodeCount": float(sum(node.state == "preempted" for node in pool.nodes.values())),
        }

    async def _scale(self, pool: Pool) -> None:
        while True:
            result, pool.autoscale_run = self.evaluate(pool, pool.spec.auto_scale_formula or "")
            if result:
                self._apply(pool, result)
            await self._clock.sleep(pool.spec.auto_scale_evaluation_interval or 900.0)

    def _apply(self, pool: Pool, result: dict[str, Value]) -> None:
        dedicated, low_priority = (
            max(0, int(value)) if isinstance(value := result[name], float) else 0
            for name in ("$TargetDedicatedNodes", "$TargetLowPriorityNodes")
        )
        if (dedicated, low_priority) != (pool.dedicated, pool.low_priority):
            self.resize(pool, dedicated, low_priority, str(result["$NodeDeallocationOption"]))


def _shown(result: dict[str, Value]) -> list[str]:
    """name=value for what is a number or an option, as Batch prints a run's results."""
    numbers = [f"{name}={value:g}" for name, value in result.items() if isinstance(value, float)]
    return numbers + [f"{name}={value}" for name, value in result.items() if isinstance(value, str)]
