"""The arrows between packages that import-linter cannot see: what really gets loaded, third parties included."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
APP = ("function_app", "triggers", "orchestrations", "activities")

FORBIDDEN = {
    "function_app": (
        *("torch", "torchvision", "gpu_task", "client", "local"),
        *("opentelemetry.sdk", "opentelemetry.exporter", "azure.monitor"),
    ),
    "gpu_task.task": (
        "telemetry",
        "opentelemetry",
        "azure.functions",
        "azure.durable_functions",
        "durabletask",
        "client",
        "local",
        *APP,
    ),
    "client.commands": (
        "azure.functions",
        "azure.batch",
        "durabletask",
        "av",
        "torch",
        "media",
        "gpu_task",
        "local",
        *APP,
    ),
    # OpenTelemetry's SDK and its exporters come with the first span that goes anywhere.
    "telemetry.spans, telemetry.metrics, telemetry.ids, telemetry.log_fields": ("opentelemetry", "azure", *APP),
    "media": ("azure", "torch", "gpu_task", "client", "local", *APP),
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("module", FORBIDDEN)
def test_importing_it_loads_nothing_from_beyond_its_arrows(module: str) -> None:
    program = f"import sys, {module}; print(*sys.modules, sep='\\n')"
    environment = os.environ | {"BATCH_ENDPOINT": "https://not-asked.example"}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    beyond = [
        name for name in done.stdout.splitlines() for other in FORBIDDEN[module] if f"{name}.".startswith(f"{other}.")
    ]
    assert beyond == []
