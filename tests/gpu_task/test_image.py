"""The image's Dockerfile, its steps taken without Docker.

pip's step alone is stood in for (node_packages.py): it would fetch gigabytes.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from contracts.styles import BUILTIN_STYLES
from contracts.task_spec import SPEC_URL_VARIABLE, ModelRef
from gpu_task.environment import allowed
from scripts.dockerfile import Stage, Step, read_dockerfile
from scripts.image import DOCKERFILE, IMAGE_ROOT, ImageBuilder, Layer
from tests.gpu_task.conftest import ROOT, SpecMaker, Storage
from tests.gpu_task.node_packages import link_packages

pytestmark = pytest.mark.timeout(180)

PIP = "RUN python -m pip install"


@pytest.fixture(scope="module")
def stages() -> dict[str, Stage]:
    return read_dockerfile(DOCKERFILE)


@pytest.fixture(scope="module")
def image(stages: dict[str, Stage], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The last stage's folder, and the environment that the image sets."""
    folder = tmp_path_factory.mktemp("image")
    packages = folder / "packages-of-this-environment"
    link_packages(packages)
    builder = ImageBuilder(folder / "stages", {"FEATURES": ""})
    builder.build({name: without_pip(stage, packages) for name, stage in stages.items()})
    return folder / "stages" / "task", builder.environment("task")


def without_pip(stage: Stage, packages: Path) -> Stage:
    link = Step("RUN", f"echo {packages} > venv/lib/python3.13/site-packages/linked.pth")
    steps = [link if f"{step.kind} {step.text}".startswith(PIP) else step for step in stage.steps]
    return Stage(stage.name, stage.base, tuple(steps))


@pytest.mark.parametrize("scorer", ["identity", "style-transfer"])
def test_the_image_runs_a_task_with_what_it_carries(
    scorer: str, image: tuple[Path, dict[str, str]], storage: Storage, specs: SpecMaker, tmp_path: Path
) -> None:
    folder, environment = image
    model = ModelRef(name="starry-night", sha256=BUILTIN_STYLES["starry-night"].sha256, builtin=True)
    spec = specs.score(f"image-{scorer}", first=0, last=1, scorer=scorer, model=model)
    storage.upload("spec.json", spec.to_json().encode())

    done = subprocess.run(
        ["python", "-m", "gpu_task"],
        cwd=tmp_path,
        env={**environment, "HOME": str(tmp_path), SPEC_URL_VARIABLE: storage.url("spec.json", "r")},
        executable=str(folder / "venv" / "bin" / "python"),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert storage.results()[0].outcome == "succeeded"


def test_the_image_fits_and_exports_with_what_it_carries(image: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    folder, environment = image
    for command in ("fit", "export-features"):
        done = subprocess.run(
            [str(folder / "venv" / "bin" / "python"), "-m", "gpu_task", command, "--help"],
            cwd=tmp_path,
            env={**environment, "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert f"gpu_task {command}" in done.stdout


def test_the_image_holds_the_code_of_a_task_and_nothing_else_of_the_repository(
    image: tuple[Path, dict[str, str]],
) -> None:
    held = {path.name for path in image[0].iterdir()}

    assert held == {"contracts", "media", "gpu_task", "features", "venv", "requirements.txt", "constraints.txt"}
    assert not [path for path in image[0].glob("gpu_task/**/*") if path.name == "features_weights"]


def test_the_base_is_pinned_the_user_is_not_root_and_batch_gives_the_command(stages: dict[str, Stage]) -> None:
    images = [stage.base for stage in stages.values() if stage.base not in stages]
    assert all(re.fullmatch(r"\S+@sha256:[0-9a-f]{64}", name) for name in images)
    last = list(stages.values())[-1]
    assert [step.text for step in last.steps if step.kind == "USER"] == ["10001"]
    assert "ENTRYPOINT" not in DOCKERFILE.read_text().replace("# No ENTRYPOINT", "")


def test_packages_come_before_the_code_so_that_new_code_is_a_small_layer(stages: dict[str, Stage]) -> None:
    assert stages["task"].base == "packages"
    texts = [f"{step.kind} {step.text}" for step in stages["packages"].steps]
    assert any(text.startswith(PIP) for text in texts)
    assert not any("gpu_task gpu_task" in text for text in texts)


def test_nothing_large_is_sent_to_the_builder() -> None:
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    sent = subprocess.run(["git", "ls-files", "-z", *kept], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert sum((ROOT / name).stat().st_size for name in sent.split("\0") if name) < 8_000_000
    assert set(kept) == {"constraints.txt", "contracts", "media", "gpu_task"}


def test_python_of_the_image_is_that_of_the_project(stages: dict[str, Stage]) -> None:
    version = ".".join((ROOT / ".python-version").read_text().split(".")[:2])
    assert stages["packages"].base.startswith(f"python:{version.strip()}-slim")
    assert f"{sys.version_info.major}.{sys.version_info.minor}" == version.strip()
    assert IMAGE_ROOT in DOCKERFILE.read_text()


def test_a_layers_size_is_what_its_step_added(tmp_path: Path) -> None:
    context, dockerfile = tmp_path / "context", tmp_path / "Dockerfile"
    (context / "code").mkdir(parents=True)
    (context / ".dockerignore").write_text("*\n!code\n**/*.pyc\n")
    (context / "code" / "a.txt").write_bytes(b"x" * 1000)
    (context / "code" / "a.pyc").write_bytes(b"x" * 500)
    dockerfile.write_text(
        "FROM some/image AS one\nWORKDIR /opt/atelier\nARG COUNT=10\n"
        "RUN apt-get install g++\nRUN head -c $COUNT /dev/zero \\\n  > /opt/atelier/zeros\n"
        "FROM one AS two\nCOPY code code\nCOPY --from=one /opt/atelier/zeros more\n"
    )

    layers = ImageBuilder(tmp_path / "built", {"COUNT": "70"}, context).build(read_dockerfile(dockerfile))

    assert layers == [
        Layer("one", "ARG COUNT=10", 0),
        Layer("one", "RUN apt-get install g++", None),
        Layer("one", "RUN head -c $COUNT /dev/zero    > /opt/atelier/zeros", 70),
        Layer("two", "COPY code code", 1000),
        Layer("two", "COPY --from=one /opt/atelier/zeros more", 70),
    ]


def test_the_user_that_batch_runs_a_container_as_is_given_a_name_and_a_home_to_write_in(
    image: tuple[Path, dict[str, str]],
) -> None:
    """It is a user of the node, of whom the image knows neither: caches in a home of `/` could not be written."""
    kept = allowed(image[1])
    assert (kept["HOME"], kept["USER"]) == ("/tmp", "atelier")
