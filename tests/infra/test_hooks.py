"""azd's hooks, run for real with stand-ins for `az` and `azd` that write down how they were called."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from infra.hooks.image_tag import SOURCES, image_tag
from tests.infra.deployments import REPOSITORY, azure

AZD = yaml.safe_load((REPOSITORY / "azure.yaml").read_text())
STAND_IN = """#!/bin/sh
printf '%s' "${0##*/}" >> "$CALLS"
printf ' %s' "$@" >> "$CALLS"
echo >> "$CALLS"
case "$*" in
    *"resource list"*) printf '%s' "$REGISTRIES" ;;
    *"repository list"*) printf '%s' "$REPOSITORIES" ;;
    *show-tags*) printf '%s' "$TAGS" ;;
    *"keys list"*) [ "$(grep -c 'keys list' "$CALLS")" -gt "${KEY_AFTER:-0}" ] && echo true || echo false ;;
esac
"""


class Azd:
    """Runs a hook as azd does: in the repository, with azd's environment values."""

    def __init__(self, folder: Path) -> None:
        self._calls, tools = folder / "calls", folder / "bin"
        tools.mkdir()
        for name in ("az", "azd"):
            (tools / name).write_text(STAND_IN)
            (tools / name).chmod(0o755)
        (tools / "python3").symlink_to(sys.executable)
        path = f"{tools}:{os.environ['PATH']}"
        values = {name: str(value) for name, value in azure().outputs.items()}
        self._environment = {**values, "PATH": path, "CALLS": str(self._calls), "REPOSITORIES": "", "TAGS": ""}
        self._environment["REGISTRIES"] = ""

    def run(self, hook: str, **values: str) -> subprocess.CompletedProcess[str]:
        script = AZD["hooks"][hook]["run"]
        environment = self._environment | {"GPU_TASK_IMAGE_TAG": "tag-gpu", "WIRE_SECONDS": "0"} | values
        return subprocess.run(
            ["sh", script], cwd=REPOSITORY, env=environment, text=True, capture_output=True, timeout=60, check=False
        )

    @property
    def calls(self) -> list[str]:
        return self._calls.read_text().splitlines() if self._calls.exists() else []


@pytest.fixture
def azd(tmp_path: Path) -> Azd:
    return Azd(tmp_path)


@pytest.mark.parametrize("hook", AZD["hooks"])
def test_a_hook_is_a_script_that_can_be_run(hook: str) -> None:
    script = REPOSITORY / AZD["hooks"][hook]["run"]
    assert os.access(script, os.X_OK)
    assert script.read_text().startswith("#!/bin/sh\n")
    subprocess.run(["sh", "-n", script], check=True)


@pytest.mark.parametrize("hook", AZD["hooks"])
def test_a_hook_reads_only_what_the_deployment_tells_azd(hook: str) -> None:
    text = (REPOSITORY / AZD["hooks"][hook]["run"]).read_text()
    assigned = set(re.findall(r"^\s*(\w+)=", text, re.MULTILINE))
    read = set(re.findall(r"\$\{?([A-Z][A-Z_]+|[a-z]+)\b", text)) - assigned
    parameters = {"GPU_TASK_IMAGE_TAG", "POOL_KIND", "PRIVATE_NETWORK", "MOUNT"}
    assert read <= azure().outputs.keys() | parameters | {"WIRE_ATTEMPTS", "WIRE_SECONDS"}


def test_the_image_is_named_by_its_files_and_by_the_kind_of_pool(azd: Azd) -> None:
    assert azd.run("preprovision").returncode == 0
    assert azd.run("preprovision", POOL_KIND="cpu").returncode == 0
    tag = image_tag(REPOSITORY)
    told = [call for call in azd.calls if call.startswith("azd")]
    assert told == [f"azd env set GPU_TASK_IMAGE_TAG {tag}-{kind}" for kind in ("gpu", "cpu")]


def test_the_first_time_there_is_no_registry_to_build_in(azd: Azd) -> None:
    assert azd.run("preprovision", REGISTRY_NAME="").returncode == 0
    assert [call.split()[0] for call in azd.calls] == ["azd"]


def test_an_upgrade_builds_its_image_before_the_pool_and_the_app_name_it(azd: Azd) -> None:
    registry = azure().outputs["REGISTRY_NAME"]
    assert azd.run("preprovision", REGISTRIES=registry, GPU_TASK_IMAGE_TAG="the-old-one").returncode == 0
    tag = f"{image_tag(REPOSITORY)}-gpu"
    assert azd.calls[-1].startswith(f"az acr build --registry {registry} --image gpu-task:{tag} ")


def test_a_registry_that_was_deleted_is_not_built_in(azd: Azd) -> None:
    assert azd.run("preprovision", REGISTRIES="").returncode == 0
    assert not [call for call in azd.calls if "acr build" in call]


def test_a_mount_where_nodes_have_no_internet_is_refused_before_anything_is_made(azd: Azd) -> None:
    refused = azd.run("preprovision", PRIVATE_NETWORK="true", MOUNT="nfs")
    assert refused.returncode == 1
    assert "azd env set MOUNT none" in refused.stderr
    assert azd.calls == []
    assert azd.run("preprovision", PRIVATE_NETWORK="true").returncode == 0
    assert azd.run("preprovision", MOUNT="nfs").returncode == 0


def test_the_tag_is_of_all_that_the_dockerfile_copies() -> None:
    dockerfile = (REPOSITORY / "gpu_task" / "Dockerfile").read_text()
    lines = re.findall(r"^COPY (?!--from)(.*) \S+$", dockerfile, re.MULTILINE)
    copied = {source for line in lines for source in line.split()}
    assert {source.split("/")[0] for source in copied} == set(SOURCES)


def test_the_tag_changes_with_any_file_and_with_nothing_else(tmp_path: Path) -> None:
    for source in SOURCES:
        folder = tmp_path / source
        (folder if source.endswith(".txt") else folder / "code.py").parent.mkdir(exist_ok=True)
        (folder if source.endswith(".txt") else folder / "code.py").write_text("1\n")
    first = image_tag(tmp_path)
    assert image_tag(Path(shutil.copytree(tmp_path, tmp_path.parent / "copy"))) == first
    (tmp_path / "media" / "__pycache__").mkdir()
    (tmp_path / "media" / "__pycache__" / "code.pyc").write_text("x")
    assert image_tag(tmp_path) == first
    (tmp_path / "media" / "code.py").rename(tmp_path / "media" / "mode.py")
    second = image_tag(tmp_path)
    (tmp_path / "constraints.txt").write_text("2\n")
    assert len({first, second, image_tag(tmp_path)}) == 3


def test_the_image_is_built_in_azure_from_the_dockerfile(azd: Azd) -> None:
    assert azd.run("postprovision").returncode == 0
    build = azd.calls[-1]
    assert build.startswith(f"az acr build --registry {azure().outputs['REGISTRY_NAME']} --image gpu-task:tag-gpu ")
    assert build.endswith(" --file gpu_task/Dockerfile .")
    assert "PIP_EXTRA_INDEX_URL= " in build


def test_a_pool_without_gpus_gets_torch_without_cuda(azd: Azd) -> None:
    assert azd.run("postprovision", GPU_TASK_IMAGE_TAG="tag-cpu").returncode == 0
    assert "PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu " in azd.calls[-1]


def test_an_image_that_is_there_is_not_built_again(azd: Azd) -> None:
    assert azd.run("postprovision", REPOSITORIES="gpu-task", TAGS="tag-gpu").returncode == 0
    assert not [call for call in azd.calls if "acr build" in call]
    assert azd.run("postprovision", REPOSITORIES="gpu-task", TAGS="").returncode == 0
    assert [call for call in azd.calls if "acr build" in call]


def test_the_image_that_is_built_is_the_one_that_is_deployed() -> None:
    image = azure(imageTag="tag-gpu").outputs["GPU_TASK_IMAGE"]
    assert image == f"{azure().outputs['REGISTRY_NAME']}.azurecr.io/gpu-task:tag-gpu"


def test_uploads_are_wired_once_the_host_has_made_its_key(azd: Azd) -> None:
    assert azd.run("postdeploy", KEY_AFTER="2").returncode == 0
    outputs = azure().outputs
    assert len([call for call in azd.calls if "keys list" in call]) == 3
    assert azd.calls[-1] == (
        f"az deployment group create --resource-group {outputs['AZURE_RESOURCE_GROUP']} --name events --output none"
        f" --template-file infra/events.bicep --parameters functionAppName={outputs['FUNCTION_APP_NAME']}"
        f" dataAccountName={outputs['DATA_ACCOUNT_NAME']} workspaceId={outputs['LOG_WORKSPACE_ID']}"
    )


def test_a_host_that_never_starts_is_told_with_what_helps(azd: Azd) -> None:
    ended = azd.run("postdeploy", KEY_AFTER="99", WIRE_ATTEMPTS="3")
    assert ended.returncode == 1
    assert "azd hooks run postdeploy" in ended.stderr
    assert len([call for call in azd.calls if "keys list" in call]) == 3
    assert not [call for call in azd.calls if "deployment" in call]


def test_the_service_is_the_app_that_carries_its_name() -> None:
    (service,) = AZD["services"]
    assert azure().one("Microsoft.Web/sites").body["tags"]["azd-service-name"] == service
    assert AZD["services"][service] == {"project": ".", "language": "python", "host": "function"}


def test_the_deployed_package_leaves_out_what_the_app_does_not_need() -> None:
    left_out = (REPOSITORY / ".funcignore").read_text().split()
    assert {"infra", "azure.yaml", "tests", "gpu_task", "local"} <= set(left_out)
    kept = {
        "function_app.py",
        "host.json",
        "requirements.txt",
        "triggers",
        "orchestrations",
        "activities",
        "contracts",
        "media",
    }
    assert not kept & set(left_out)


@pytest.mark.parametrize("name", ["AZURE_LOCATION", "AZURE_RESOURCE_GROUP", "ATELIER_ENDPOINT", "ATELIER_STORAGE"])
def test_azd_and_the_client_get_what_they_read(name: str) -> None:
    assert azure().outputs[name]
