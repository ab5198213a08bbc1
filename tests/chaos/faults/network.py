"""Busy services and bad connections, through the toxic proxies."""

from collections.abc import Callable
from typing import cast

from tests.chaos.faults.fault import Fault, Scene, TooLate
from tests.chaos.toxic_proxy import Kind, Toxic, ToxicProxy

# How a job that gives up in the middle of this may put it. Activities try for about a minute, so most do not give up.
TROUBLE = (
    r"ServerBusy|InternalError|TooManyRequests|HttpResponseError|Service(Request|Response)Error|Incomplete"
    r"|[Cc]onnection (aborted|reset|refused|broken)|could not be submitted|never reached Batch|ended without a result"
)


class _Network(Fault):
    may_fail = TROUBLE
    alone = True

    def proxies(self, scene: Scene) -> tuple[ToxicProxy, ...]:
        raise NotImplementedError

    def hurt(self, scene: Scene, make: Callable[[], list[Toxic]]) -> str:
        """Puts toxics on every proxy of the service for some seconds. Raises TooLate where no request came."""
        seconds = scene.rng.uniform(3, 15)
        placed = [(proxy, toxic) for proxy in self.proxies(scene) for toxic in make()]
        for proxy, toxic in placed:
            proxy.add(toxic)
        try:
            scene.rest(seconds)
        finally:
            for proxy, toxic in placed:
                proxy.remove(toxic)
        struck = [str(toxic) for _, toxic in placed if toxic.struck]
        if not struck:
            raise TooLate
        return f"for {seconds:.1f} s: {'; '.join(struck)}"


class _Errors(_Network):
    def inject(self, scene: Scene) -> str:
        statuses = scene.rng.sample([500, 503, 429], scene.rng.randint(1, 2))
        share = scene.rng.choice([0.2, 0.5, 1.0])
        return self.hurt(scene, lambda: [Toxic("error", scene.rng, share / len(statuses), status=s) for s in statuses])


class _Connections(_Network):
    def inject(self, scene: Scene) -> str:
        kinds = scene.rng.sample(["delay", "drip", "cut-request", "cut-response", "refuse"], 2)
        share, seconds = scene.rng.choice([0.1, 0.3, 0.6]), scene.rng.uniform(0.2, 3)

        def make() -> list[Toxic]:
            return [Toxic(cast(Kind, kind), scene.rng, share, seconds=seconds) for kind in kinds]

        return self.hurt(scene, make)


class BatchErrors(_Errors):
    name = "batch-errors"

    def proxies(self, scene: Scene) -> tuple[ToxicProxy, ...]:
        return (scene.stack.batch_proxy,)


class BatchConnections(_Connections):
    name = "batch-connections"

    def proxies(self, scene: Scene) -> tuple[ToxicProxy, ...]:
        return (scene.stack.batch_proxy,)


class StorageErrors(_Errors):
    name = "storage-errors"

    def proxies(self, scene: Scene) -> tuple[ToxicProxy, ...]:
        return tuple(scene.stack.storage_proxies.values())


class StorageConnections(_Connections):
    name = "storage-connections"

    def proxies(self, scene: Scene) -> tuple[ToxicProxy, ...]:
        return tuple(scene.stack.storage_proxies.values())
