"""The application package, as a node takes it: unpacked, installed by its own script, run by its own script.

pip is given nothing to fetch (tests/gpu_task/node_packages.py); Python and the compiler are this machine's. What only
a bare node does (apt-get, uv) is not done here.
"""

import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from contracts.styles import BUILTIN_STYLES
from contracts.task_spec import SPEC_URL_VARIABLE, ModelRef
from scripts.application_package import main, pack
from tests.gpu_task.conftest import SpecMaker, Storage
from tests.gpu_task.node_packages import link_packages

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the unpacked package, as Batch leaves it, and an empty prefix."""
    folder = tmp_path_factory.mktemp("node")
    assert main([str(folder / "gpu_task.zip")]) == 0
    with ZipFile(folder / "gpu_task.zip") as package:
        package.extractall(folder / "package")
    link_packages(folder / "packages-of-this-environment")
    (folder / "package" / "requirements.txt").write_text("# see tests/gpu_task/node_packages.py\n")
    install(folder)
    (site,) = (folder / "prefix" / "venv" / "lib").glob("python*/site-packages")
    (site / "linked.pth").write_text(f"{folder / 'packages-of-this-environment'}\n")
    return folder


def environment(node: Path, python: Path = Path(sys.base_prefix) / "bin") -> dict[str, str]:
    return {
        "PATH": f"{python}:{os.environ['PATH']}",
        "ATELIER_PREFIX": str(node / "prefix"),
        "AZ_BATCH_APP_PACKAGE_gpu_task": str(node / "package"),
    }


def install(node: Path) -> None:
    subprocess.run(["sh", str(node / "package" / "install.sh")], env=environment(node), check=True, cwd=node)


def test_the_package_runs_a_task_with_what_it_carries(
    node: Path, storage: Storage, specs: SpecMaker, tmp_path: Path
) -> None:
    model = ModelRef(name="starry-night", sha256=BUILTIN_STYLES["starry-night"].sha256, builtin=True)
    spec = specs.score("package", first=0, last=1, scorer="style-transfer", model=model)
    storage.upload("spec.json", spec.to_json().encode())
    # The command line that docs/deploy.md gives to BATCH_TASK_COMMAND, run as Batch does: without a shell.
    command = ["/bin/sh", "-c", 'exec /bin/sh "$AZ_BATCH_APP_PACKAGE_gpu_task/run.sh"']
    given = environment(node) | {SPEC_URL_VARIABLE: storage.url("spec.json", "r"), "HOME": str(tmp_path)}

    done = subprocess.run(command, cwd=tmp_path, env=given, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert storage.results()[0].outcome == "succeeded"


def test_a_node_that_is_rebooted_installs_nothing_again_and_one_with_a_new_package_does(
    node: Path, tmp_path: Path
) -> None:
    (tmp_path / "python3.13").write_text("#!/bin/sh\nexit 77\n")
    (tmp_path / "python3.13").chmod(0o755)
    again = ["sh", str(node / "package" / "install.sh")]
    without = environment(node, tmp_path)
    assert subprocess.run(again, env=without, check=False).returncode == 0
    copy = tmp_path / "prefix"
    copy.mkdir()
    (copy / "installed").write_text("what another package asked for")
    assert subprocess.run(again, env=without | {"ATELIER_PREFIX": str(copy)}, check=False).returncode == 77
    assert not (copy / "installed").exists(), "what broke off does not count as installed"


def test_tasks_cannot_write_where_their_packages_are(node: Path) -> None:
    files = [path for path in (node / "prefix").rglob("*") if not path.is_symlink()]
    assert files
    assert not [path for path in files if path.stat().st_mode & 0o022]


def test_it_holds_what_the_image_holds_and_is_the_same_each_time(tmp_path: Path) -> None:
    features = tmp_path / "features"
    features.mkdir()
    (features / "squeezenet.safetensors").write_bytes(b"x")
    pack(tmp_path / "one.zip", features)
    pack(tmp_path / "two.zip", features)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with ZipFile(tmp_path / "one.zip") as package:
        names = set(package.namelist())
    assert {"install.sh", "run.sh", "requirements.txt", "constraints.txt", "gpu_task/__main__.py"} <= names
    assert {"contracts/task_spec.py", "media/__init__.py", "features/squeezenet.safetensors"} <= names
    assert not [name for name in names if "__pycache__" in name or "features_weights" in name]


def test_a_folder_of_features_that_is_not_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([str(tmp_path / "x.zip"), "--features", str(tmp_path / "gone")])
    assert "export-features" in capsys.readouterr().err
