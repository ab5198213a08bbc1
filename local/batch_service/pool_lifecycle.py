"""A pool's life: created, resized, scaled by its formula, deleted."""

import asyncio
import time

from local.batch_service.autoscale import Autoscaler
from local.batch_service.background import Background
from local.batch_service.errors import BadRequest, Conflict, invalid_property
from local.batch_service.node_lifecycle import NodeLifecycle
from local.batch_service.records import Node, Pool, Raw
from local.batch_service.scheduler import Scheduler
from local.batch_service.specs import AutoScaleRequest, PoolSpec, ResizeRequest, parse
from local.batch_service.state import State


class PoolLifecycle:
    def __init__(
        self, state: State, nodes: NodeLifecycle, scheduler: Scheduler, autoscaler: Autoscaler, background: Background
    ) -> None:
        self._state, self._nodes, self._scheduler = state, nodes, scheduler
        self._autoscaler, self._background = autoscaler, background
        autoscaler.resize = self.resize_to

    def create(self, raw: Raw) -> Pool:
        spec = parse(PoolSpec, raw)
        if spec.id.lower() in self._state.pools:
            raise Conflict("PoolExists", "The specified pool already exists.")
        self._check_scaling(raw, spec)
        pool = self._state.add_pool(raw, spec)
        self.begin(pool)
        return pool

    def deploy(self, raw: Raw) -> None:
        """Puts a pool in place of one of the same id, before any has begun; jobs, which name it by id, stay."""
        spec = parse(PoolSpec, raw)
        if (earlier := self._state.pools.get(spec.id.lower())) is not None:
            self._state.remove_pool(earlier)
        self._state.add_pool(raw, spec)

    def begin(self, pool: Pool) -> None:
        """Brings a new or reloaded pool to its size."""
        if pool.state == "deleting":
            self.delete(pool)
            return
        self.resize_to(pool, pool.dedicated, pool.low_priority, "requeue")
        if pool.spec.enable_auto_scale:
            self._autoscaler.start(pool)

    def _check_scaling(self, raw: Raw, spec: PoolSpec) -> None:
        if not spec.enable_auto_scale:
            return
        for name in ("targetDedicatedNodes", "targetLowPriorityNodes"):
            if name in raw:
                raise invalid_property(name, raw[name], "it must not be set when enableAutoScale is true")
        if spec.auto_scale_formula is None:
            raise invalid_property("autoScaleFormula", None, "it is required when enableAutoScale is true")
        self._autoscaler.check(spec.auto_scale_formula)

    def resize(self, pool: Pool, request: ResizeRequest) -> None:
        if pool.spec.enable_auto_scale:
            raise Conflict("AutoscaleEnabled", "A pool with autoscale enabled cannot be resized.")
        if pool.allocation != "steady":
            raise Conflict("PoolBeingResized", "The specified pool is being resized.")
        dedicated, low_priority = request.target_dedicated_nodes, request.target_low_priority_nodes
        if dedicated is None and low_priority is None:
            raise BadRequest("MissingRequiredProperty", "targetDedicatedNodes or targetLowPriorityNodes is required.")
        self.resize_to(
            pool,
            pool.dedicated if dedicated is None else dedicated,
            pool.low_priority if low_priority is None else low_priority,
            request.node_deallocation_option,
        )

    def resize_to(self, pool: Pool, dedicated: int, low_priority: int, option: str) -> None:
        """Sets the targets and converges to them in the background."""
        pool.dedicated, pool.low_priority = dedicated, low_priority
        pool.touch()
        self._state.save(pool)
        pool.resizes += 1
        self._allocation(pool, "resizing")
        self._background.spawn(self._converge(pool, option))

    async def _converge(self, pool: Pool, option: str) -> None:
        changes = []
        for dedicated, target in ((True, pool.dedicated), (False, pool.low_priority)):
            staying = [node for node in pool.members(dedicated=dedicated) if not node.leaving]
            added = [self._nodes.create(pool, dedicated=dedicated) for _ in range(target - len(staying))]
            changes += [self._nodes.boot(node) for node in added]
            idle_first = sorted(staying, key=lambda node: (len(node.running), -node.ordinal))
            for node in idle_first[: max(0, len(staying) - target)]:
                node.leaving = True
                changes.append(self._nodes.remove(node, option))
        await asyncio.gather(*changes)
        self._settle(pool)

    def _settle(self, pool: Pool) -> None:
        pool.resizes -= 1
        if pool.resizes == 0:
            self._allocation(pool, "steady")
        self._scheduler.kick()

    def _allocation(self, pool: Pool, state: str) -> None:
        if pool.allocation != state:
            pool.allocation, pool.allocation_changed = state, time.time()

    def remove_nodes(self, pool: Pool, nodes: list[Node], option: str) -> None:
        if pool.spec.enable_auto_scale:
            raise Conflict("AutoscaleEnabled", "Nodes of a pool with autoscale enabled cannot be removed.")
        pool.dedicated -= sum(node.dedicated for node in nodes)
        pool.low_priority -= sum(not node.dedicated for node in nodes)
        for node in nodes:
            node.leaving = True
        self._state.save(pool)
        pool.resizes += 1
        self._allocation(pool, "resizing")
        self._background.spawn(self._remove(pool, nodes, option))

    async def _remove(self, pool: Pool, nodes: list[Node], option: str) -> None:
        await asyncio.gather(*(self._nodes.remove(node, option) for node in nodes))
        self._settle(pool)

    def update(self, pool: Pool, changes: Raw) -> None:
        raw = pool.raw | {name: value for name, value in changes.items() if name in ("startTask", "metadata")}
        pool.spec, pool.raw = parse(PoolSpec, raw), raw
        pool.touch()
        self._state.save(pool)

    def enable_auto_scale(self, pool: Pool, changes: Raw) -> None:
        request = parse(AutoScaleRequest, changes)
        formula = request.auto_scale_formula or pool.spec.auto_scale_formula
        if formula is None:
            raise invalid_property("autoScaleFormula", None, "the pool has no formula yet")
        self._autoscaler.check(formula)
        targets = ("targetDedicatedNodes", "targetLowPriorityNodes")
        kept = {name: value for name, value in pool.raw.items() if name not in targets}
        pool.raw = kept | {"enableAutoScale": True, **changes}
        self._change_scaling(pool)
        self._autoscaler.start(pool)

    def disable_auto_scale(self, pool: Pool) -> None:
        pool.raw = pool.raw | {"enableAutoScale": False}
        self._autoscaler.stop(pool)
        self._change_scaling(pool)

    def _change_scaling(self, pool: Pool) -> None:
        pool.spec = parse(PoolSpec, pool.raw)
        pool.touch()
        self._state.save(pool)

    def delete(self, pool: Pool) -> None:
        pool.state = "deleting"
        pool.touch()
        self._state.save(pool)
        self._autoscaler.stop(pool)
        self._background.spawn(self._finish_delete(pool))

    async def _finish_delete(self, pool: Pool) -> None:
        await asyncio.gather(*(self._nodes.remove(node, "requeue") for node in list(pool.nodes.values())))
        self._state.remove_pool(pool)
