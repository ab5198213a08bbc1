import os

import pytest
import torch

from benchmarks import machine


def test_the_machine_is_named_with_what_matters_to_speed() -> None:
    found = machine.describe()

    assert found["cores"] == os.process_cpu_count()
    assert (found["gpu"] == "none") is not torch.cuda.is_available()
    assert all(found.values())


@pytest.mark.parametrize(("load", "is_busy"), [(0.0, False), (50.0, True)])
def test_a_busy_machine_is_told(monkeypatch: pytest.MonkeyPatch, load: float, is_busy: bool) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0))
    monkeypatch.setattr(os, "process_cpu_count", lambda: 4)

    assert (machine.busy() or "").startswith("load average 50.0 on 4 cores") is is_busy
