"""The package that azd makes of the repository, without what .funcignore names: the app has all that it imports."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.infra.deployments import REPOSITORY

# Run in the package, with the repository out of reach.
INDEX = """
import importlib, json, pathlib, sys
sys.path = [entry for entry in sys.path if entry != REPOSITORY]
from azure_functions_runtime.loader import index_function_app
functions = index_function_app("function_app.py")
# Activities are imported when they are called first.
for path in pathlib.Path().glob("*/*.py"):
    importlib.import_module(".".join(path.with_suffix("").parts))
ours = {name for name, module in sys.modules.items() if (getattr(module, "__file__", None) or "").startswith(PACKAGE)}
print(json.dumps({"functions": len(functions), "modules": sorted(ours)}))
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tracked files but for the ignored; the patterns mean what they mean in .gitignore."""
    listed = ["git", "ls-files", "-z", "--cached"]
    ignored = _names([*listed, "--ignored", "--exclude-from=.funcignore"])
    folder = tmp_path_factory.mktemp("package")
    for name in sorted(_names(listed) - ignored):
        if (REPOSITORY / name).is_file():  # not deleted in the work tree
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, folder / name)
    return folder


def _names(command: list[str]) -> set[str]:
    if not (REPOSITORY / ".git").exists():
        pytest.skip("not a git checkout: which files belong to the repository is not known")
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=60)
    return set(ended.stdout.split("\0")) - {""}


@pytest.mark.timeout(120)
def test_the_worker_finds_every_function_in_the_package_alone(package: Path) -> None:
    program = INDEX.replace("REPOSITORY", repr(str(REPOSITORY))).replace("PACKAGE", repr(str(package)))
    environment = {"PATH": os.environ["PATH"], "HOME": str(package), "PYTHONDONTWRITEBYTECODE": "1"}
    environment["BATCH_ENDPOINT"] = "https://batch.example"
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=package, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout.splitlines()[-1])
    assert found["functions"] > 30
    # What was imported is in the package, and everything there with a name of ours was meant to be.
    assert {"triggers.uploads", "orchestrations.score_video", "activities.probe_video"} <= set(found["modules"])


def test_the_package_is_small_and_holds_neither_pictures_nor_tests(package: Path) -> None:
    files = [path for path in package.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 2_000_000
    assert {path.name for path in package.iterdir() if path.is_dir()} <= {
        *("activities", "contracts", "media", "orchestrations", "telemetry", "triggers"),
    }
    assert {"host.json", "requirements.txt", "function_app.py"} <= {path.name for path in files}
