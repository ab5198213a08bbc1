"""A task's environment: made from nothing, never inherited from the service's own."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.batch_service.records import Node, Task
from local.batch_service.specs import EnvironmentSetting

DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"
BASE_ENVIRONMENT = {"PATH": DEFAULT_PATH, "LANG": "C.UTF-8"}


@dataclass(frozen=True)
class NodeFolders:
    """A node's folders, as https://learn.microsoft.com/azure/batch/files-and-directories lays them out."""

    root: Path

    @property
    def shared(self) -> Path:
        return self.root / "shared"

    @property
    def startup(self) -> Path:
        return self.root / "startup"

    @property
    def mounts(self) -> Path:
        return self.root / "fsmounts"

    def create(self) -> None:
        """Makes the folders; what a killed task left in its temporary one goes."""
        shutil.rmtree(self.root / "tmp", ignore_errors=True)
        for folder in (self.shared, self.startup / "wd", self.mounts, self.root / "workitems", self.root / "tmp"):
            folder.mkdir(parents=True, exist_ok=True)

    def task(self, task: Task) -> Path:
        return self.root / task.directory

    def temporary(self, task: Task) -> Path:
        return self.root / "tmp" / f"{task.job.id}.{task.id}"


@dataclass(frozen=True)
class Account:
    name: str
    url: str


def node_environment(image: Mapping[str, str], account: Account, node: Node, folders: NodeFolders) -> dict[str, str]:
    """What every process on a node sees: the node image's variables and Batch's own."""
    return {
        **BASE_ENVIRONMENT,
        "HOME": str(folders.startup / "wd"),
        "TMPDIR": str(folders.root / "tmp"),
        **image,
        "AZ_BATCH_ACCOUNT_NAME": account.name,
        "AZ_BATCH_ACCOUNT_URL": account.url,
        "AZ_BATCH_POOL_ID": node.pool.id,
        "AZ_BATCH_NODE_ID": node.id,
        "AZ_BATCH_NODE_IS_DEDICATED": "true" if node.dedicated else "false",
        "AZ_BATCH_NODE_ROOT_DIR": str(folders.root),
        "AZ_BATCH_NODE_SHARED_DIR": str(folders.shared),
        "AZ_BATCH_NODE_STARTUP_DIR": str(folders.startup),
        "AZ_BATCH_NODE_STARTUP_WORKING_DIR": str(folders.startup / "wd"),
        "AZ_BATCH_NODE_MOUNTS_DIR": str(folders.mounts),
    }


def task_environment(
    image: Mapping[str, str], account: Account, node: Node, folders: NodeFolders, task: Task
) -> dict[str, str]:
    """A node's environment with the task's variables, the job's common settings and the task's own, in this order."""
    directory = folders.task(task)
    return {
        **node_environment(image, account, node, folders),
        "HOME": str(directory / "wd"),
        "TMPDIR": str(folders.temporary(task)),
        "AZ_BATCH_JOB_ID": task.job.id,
        "AZ_BATCH_TASK_ID": task.id,
        "AZ_BATCH_TASK_DIR": str(directory),
        "AZ_BATCH_TASK_WORKING_DIR": str(directory / "wd"),
        **as_variables(task.job.spec.common_environment_settings),
        **as_variables(task.spec.environment_settings),
    }


def as_variables(settings: tuple[EnvironmentSetting, ...]) -> dict[str, str]:
    return {setting.name: setting.value or "" for setting in settings}
