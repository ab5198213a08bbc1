"""A part of the stack is killed and comes back."""

import time

from tests.chaos.faults.fault import Fault, Scene
from tests.chaos.faults.network import TROUBLE
from tests.chaos.parts import Part
from tests.chaos.toxic_proxy import Toxic

# Azurite keeps its tables in memory and saves them every 5 s (autosaveInterval in its Loki stores).
_AZURITE_SAVES_SECONDS = 6.0


def _kill(scene: Scene, part: Part) -> str:
    seconds = scene.rng.uniform(0, 6)
    part.kill()
    time.sleep(seconds)
    part.start()
    return f"SIGKILL to the {part.name}, started again {seconds:.1f} s later"


class HostKilled(Fault):
    name = "host-killed"
    alone = True

    def inject(self, scene: Scene) -> str:
        return _kill(scene, scene.stack.host)


class BatchServiceKilled(Fault):
    name = "batch-service-killed"
    alone = True
    may_fail = TROUBLE

    def inject(self, scene: Scene) -> str:
        return _kill(scene, scene.stack.batch_service)


class AzuriteKilled(Fault):
    """Storage is gone at once, in the middle of whatever it does, and comes back with all that it acknowledged.

    Azure Storage acknowledges nothing that it could lose; Azurite loses its last seconds when it is killed. So its
    connections are cut, and it is killed once it has saved: nobody sees the difference.
    """

    name = "azurite-killed"
    alone = True
    may_fail = TROUBLE

    def inject(self, scene: Scene) -> str:
        proxies = tuple(scene.stack.storage_proxies.values())
        placed = [(proxy, Toxic("refuse", scene.rng)) for proxy in proxies]
        for proxy, toxic in placed:
            proxy.add(toxic)
        try:
            scene.stack.cut_all(proxies)
            time.sleep(_AZURITE_SAVES_SECONDS)
            said = _kill(scene, scene.stack.azurite)
        finally:
            for proxy, toxic in placed:
                proxy.remove(toxic)
        return f"connections to storage cut and refused; {said}"
