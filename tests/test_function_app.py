"""The app as Azure loads it."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
LOAD = """
import json, sys, function_app
functions = sorted(f.get_function_name() for f in function_app.app.get_functions())
print(json.dumps({"functions": functions, "modules": sorted(sys.modules)}))
"""


def test_the_app_loads_without_torch_and_without_the_gpu_task() -> None:
    environment = {"BATCH_ENDPOINT": "https://x", "PATH": "/usr/bin", "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        [sys.executable, "-c", LOAD], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    assert not {"torch", "torchvision", "gpu_task", "local", "client"} & set(said["modules"])
    # Doors do without them, and they are a fifth of the time that an import takes (see activities/blueprint.py).
    assert not {"av", "numpy", "media.stitch", "activities.stitch_video"} & set(said["modules"])
    doors = {
        "on_video_uploaded",
        "start_job",
        "list_jobs",
        "get_job",
        "cancel_job",
        "retry_job",
        "get_styles",
        "quote_job",
    }
    doors |= {"list_dead_letters", "get_dead_letter", "replay_dead_letter", "drop_dead_letter"}
    queues = {"on_gpu_task", "on_gpu_result", "on_gpu_task_poison", "on_gpu_result_poison"}
    orchestrations = {"score_video", "prepare_model", "score_group", "score_chunk"}
    assert doors | queues | orchestrations <= set(said["functions"])


def test_every_activity_that_the_workflow_calls_is_registered_and_no_other() -> None:
    named = {
        node.value
        for path in (ROOT / "orchestrations").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    registered = set(re.findall(r'^activity\("(\w+)",', (ROOT / "activities/blueprint.py").read_text(), re.MULTILINE))
    assert registered
    # An activity is the function that its file is named after.
    activities = {
        path.stem
        for path in (ROOT / "activities").glob("*.py")
        if re.search(rf"^def {path.stem}\(", path.read_text(), re.MULTILINE)
    }
    assert activities & named == registered
