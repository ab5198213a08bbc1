"""What a task keeps of the environment it was started with, seen from inside, from a child and from /proc."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from contracts.task_spec import SPEC_URL_VARIABLE
from gpu_task import compiled_folder
from gpu_task.environment import allowed
from gpu_task.features_files import FOLDER_VARIABLE
from tests.gpu_task.conftest import ROOT

pytestmark = pytest.mark.timeout(60)

SECRETS = {
    "AZ_BATCH_AUTHENTICATION_TOKEN": "hunter2-token",
    "AZ_BATCH_ACCOUNT_URL": "https://hunter2-account.example",
    "IDENTITY_ENDPOINT": "http://hunter2-identity.example",
    "IDENTITY_HEADER": "hunter2-header",
    "MSI_ENDPOINT": "http://hunter2-msi.example",
    "MSI_SECRET": "hunter2-msi",
    "AZURE_CLIENT_SECRET": "hunter2-client",
    "AZURE_FEDERATED_TOKEN_FILE": "/hunter2/file",
    "AzureWebJobsStorage": "AccountName=hunter2;AccountKey=hunter2",
    "SYSTEM_STORAGE": "AccountName=hunter2;AccountKey=hunter2",
    "BATCH_ACCOUNT_KEY": "hunter2-batch",
    "REGISTRY_PASSWORD": "hunter2-by-nobody-we-know",
}
NEEDED = {"OMP_NUM_THREADS": "1", "AZ_BATCH_TASK_DIR": "/tmp", "TZ": "UTC", "LC_ALL": "C.UTF-8", "TORCH_HOME": "/tmp"}
# Stands for `gpu_task.task`: the first thing imported once the program has cleaned up. Says what there is to be seen.
WITNESS = """
import json, os, subprocess, sys
from pathlib import Path
child = subprocess.run([sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))"],
                       capture_output=True, text=True, check=True)
initial = Path("/proc/self/environ").read_bytes().decode() if Path("/proc").is_dir() else ""
print(json.dumps({"own": dict(os.environ), "child": json.loads(child.stdout), "initial": initial,
                  "argv": sys.orig_argv, "pid": os.getpid(), "modules": sorted(sys.modules)}))
sys.exit(0)
"""


@pytest.fixture
def witness(tmp_path: Path) -> Path:
    """A folder that shadows `azure`, the first package that `python -m gpu_task` imports after its clean-up."""
    (tmp_path / "azure").mkdir()
    (tmp_path / "azure" / "__init__.py").write_text(WITNESS)
    return tmp_path


def start(witness: Path, **environment: str) -> subprocess.Popen[str]:
    known = {"PATH": os.environ["PATH"], "PYTHONPATH": str(witness), "HOME": str(witness)}
    return subprocess.Popen(
        [sys.executable, "-X", "utf8", "-m", "gpu_task"],
        cwd=ROOT,
        env={**known, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def look(process: subprocess.Popen[str]) -> dict[str, object]:
    out, problems = process.communicate(timeout=50)
    assert process.returncode == 0, problems
    return json.loads(out)


def test_planted_secrets_are_gone_for_the_task_its_children_and_proc(witness: Path) -> None:
    process = start(witness, **SECRETS, **NEEDED)
    seen = look(process)

    for where in ("own", "child", "initial"):
        assert "hunter2" not in json.dumps(seen[where]), where
        assert not SECRETS.keys() & set(seen[where]), where
    own = seen["own"]
    assert isinstance(own, dict)
    assert NEEDED.items() <= own.items()
    assert {"PATH", "HOME", "PYTHONPATH"} <= own.keys()
    # Batch and its watchdogs know the process by its id; interpreter options such as -X survive.
    assert seen["pid"] == process.pid
    assert list(seen["argv"])[1:] == ["-X", "utf8", "-m", "gpu_task"]


def test_nothing_of_the_program_is_imported_before(witness: Path) -> None:
    modules = look(start(witness, **SECRETS))["modules"]
    assert isinstance(modules, list)
    imported = {name for name in modules if name.split(".")[0] in ("gpu_task", "contracts", "media", "pydantic", "av")}
    assert imported == {"gpu_task", "gpu_task.environment", "gpu_task.program"}  # which begins with azure


def test_a_clean_environment_starts_no_second_time(witness: Path) -> None:
    seen = look(start(witness))
    assert "ATELIER_ENVIRONMENT_IS_CLEAN" not in str(seen["initial"])


def test_the_mark_of_a_second_start_opens_nothing(witness: Path) -> None:
    """Whoever sets it by hand only saves the exec: the variables go all the same."""
    own = look(start(witness, ATELIER_ENVIRONMENT_IS_CLEAN="1", **SECRETS))["own"]
    assert isinstance(own, dict)
    assert not (SECRETS.keys() | {"ATELIER_ENVIRONMENT_IS_CLEAN"}) & own.keys()


def test_what_the_program_reads_is_kept() -> None:
    wanted = {
        SPEC_URL_VARIABLE: "u",
        FOLDER_VARIABLE: "w",
        "AZ_BATCH_TASK_WORKING_DIR": "d",
        "AZ_BATCH_NODE_SHARED_DIR": "s",
        compiled_folder.FOLDER_VARIABLE: "c",
        "TORCHINDUCTOR_COMPILE_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }
    assert allowed({**wanted, **SECRETS}) == wanted
