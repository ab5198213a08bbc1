"""The roles are those that the code's calls need, each where it is needed, and no more."""

import json
import re
from dataclasses import dataclass
from functools import cache

import pytest

from contracts import layout
from tests.infra.bicep.evaluate import Resource
from tests.infra.deployments import INFRA, REPOSITORY, VARIANTS, azure

BLOBS, QUEUES = "blobServices/containers", "queueServices/queues"
DELEGATE_BLOBS = "blobServices/generateUserDelegationKey/action"
DELEGATE_QUEUES = "queueServices/generateUserDelegationKey/action"
MESSAGES = f"{QUEUES}/messages"

# What each role lets one do, from Azure's list of built-in roles, below Microsoft.Storage/storageAccounts and
# Microsoft.Batch/batchAccounts; as far as anything here needs it. `*` is Azure's.
ALLOWS = {
    "Storage Blob Data Owner": [f"{BLOBS}/*", DELEGATE_BLOBS],
    "Storage Blob Data Contributor": [
        *(f"{BLOBS}/{verb}" for verb in ("read", "write", "delete")),
        *(f"{BLOBS}/blobs/{verb}" for verb in ("read", "write", "delete", "add/action", "move/action")),
        DELEGATE_BLOBS,
    ],
    "Storage Blob Data Reader": [f"{BLOBS}/read", f"{BLOBS}/blobs/read", DELEGATE_BLOBS],
    "Storage Blob Delegator": [DELEGATE_BLOBS],
    "Storage Queue Data Contributor": [
        *(f"{QUEUES}/{verb}" for verb in ("read", "write", "delete")),
        *(f"{MESSAGES}/{verb}" for verb in ("read", "write", "delete", "process/action")),
    ],
    "Storage Queue Delegator": [DELEGATE_QUEUES],
    "Storage Table Data Contributor": ["tableServices/*"],
    "Azure Batch Data Contributor": ["pools/*", "jobs/*"],
    "Azure Batch Job Submitter": ["pools/read", "jobs/*"],
    "Monitoring Metrics Publisher": ["metrics/write"],
    "AcrPull": ["pull/read"],
}

# A second writing of infra/role_ids.json, from https://learn.microsoft.com/azure/role-based-access-control/built-in-roles:
# a slip in an id would grant something else, or nothing.
IDS = {
    "AcrPull": "7f951dda-4ed3-4680-a7ca-43fe172d538d",
    "Azure Batch Data Contributor": "6aaa78f1-f7de-44ca-8722-c64a23943cae",
    "Azure Batch Job Submitter": "48e5e92e-a480-4e71-aa9c-2778f4c13781",
    "Monitoring Metrics Publisher": "3913510d-42f4-4e42-8a64-420c390055eb",
    "Storage Blob Data Contributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "Storage Blob Data Owner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "Storage Blob Data Reader": "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
    "Storage Blob Delegator": "db58b8e5-c6ad-4a2a-8342-4190687cbf4a",
    "Storage Queue Data Contributor": "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
    "Storage Queue Delegator": "7ee386e9-84f0-448e-80a6-f185f6533131",
    "Storage Table Data Contributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
}


@dataclass(frozen=True)
class Need:
    """A call that the app or its host makes, as a pattern of its code, and what Azure asks for it."""

    call: str
    action: str
    where: str  # host, sys, batch, insights, or data/<container>


def _writes(container: str) -> str:
    return rf"(data_account\(\)|data)\s*\.(write_json|write_text|container)\(\s*layout\.{container}"


NEEDS = [
    # The host itself: host.json and the trigger decorators are its calls.
    Need(r'"hubName"', "tableServices/tables/entities/write", "host"),
    Need(r'"hubName"', f"{MESSAGES}/process/action", "host"),
    Need(r"@bp\.blob_trigger", f"{BLOBS}/blobs/write", "host"),
    Need(r"@bp\.blob_trigger", f"{BLOBS}/blobs/read", f"data/{layout.VIDEOS}"),
    # Microsoft documents Owner for the blobs of a trigger (its own checks are not ours to read).
    Need(r"@bp\.blob_trigger", f"{BLOBS}/blobs/runAsSuperUser/action", f"data/{layout.VIDEOS}"),
    Need(r"@bp\.blob_trigger", f"{MESSAGES}/write", "data"),
    Need(r"@bp\.queue_trigger", f"{MESSAGES}/process/action", "sys"),
    Need(r"@bp\.queue_trigger", f"{MESSAGES}/delete", "sys"),
    # The app, on what users reach.
    Need(_writes("VIDEOS"), f"{BLOBS}/blobs/write", f"data/{layout.VIDEOS}"),
    Need(r"layout\.VIDEOS\)\.delete_blob", f"{BLOBS}/blobs/delete", f"data/{layout.VIDEOS}"),
    Need(r"find_properties\(layout\.STYLES", f"{BLOBS}/blobs/read", f"data/{layout.STYLES}"),
    Need(r"layout\.STYLES\)\.list_blobs", f"{BLOBS}/blobs/read", f"data/{layout.STYLES}"),
    Need(r"write_json\(\s*layout\.OUTPUTS", f"{BLOBS}/blobs/write", f"data/{layout.OUTPUTS}"),
    Need(r"delete_prefix\(layout\.OUTPUTS", f"{BLOBS}/blobs/delete", f"data/{layout.OUTPUTS}"),
    Need(r"data_account\(\)\.blob_sas_url\(", DELEGATE_BLOBS, "data"),
    # On what they do not.
    Need(r"write_json\(\s*layout\.JOBS", f"{BLOBS}/blobs/write", "sys"),
    Need(r"delete_prefix\(layout\.JOBS", f"{BLOBS}/blobs/delete", "sys"),
    Need(r"write_json\(layout\.DEADLETTER", f"{BLOBS}/blobs/write", "sys"),
    Need(r"blob_sas_url\(layout\.LOGS, .*\"w\"", f"{BLOBS}/blobs/write", "sys"),
    Need(r"system\w*(\(\))?\.blob_sas_url\(", DELEGATE_BLOBS, "sys"),
    Need(r"\.queue_sas_url\(GPU_RESULTS_QUEUE, \"a\"", f"{MESSAGES}/write", "sys"),
    Need(r"\.queue_sas_url\(", DELEGATE_QUEUES, "sys"),
    Need(r"\.send\(GPU_TASKS_QUEUE", f"{MESSAGES}/write", "sys"),
    # Batch: jobs and tasks, never pools.
    Need(r"client\(\)\.create_job\(", "jobs/write", "batch"),
    Need(r"client\(\)\.create_task\(", "jobs/write", "batch"),
    Need(r"client\(\)\.get_task\(", "jobs/read", "batch"),
    Need(r"client\(\)\.list_tasks\(", "jobs/read", "batch"),
    Need(r"client\(\)\.begin_terminate_job\(", "jobs/write", "batch"),
    Need(r"client\(\)\.begin_delete_job\(", "jobs/delete", "batch"),
    Need(r'"telemetryMode"', "metrics/write", "insights"),
]


@cache
def _code() -> str:
    folders = [REPOSITORY / name for name in ("activities", "triggers")]
    files = sorted(path for folder in folders for path in folder.rglob("*.py"))
    return "\n".join(path.read_text() for path in [REPOSITORY / "host.json", *files])


@dataclass(frozen=True)
class Grant:
    principal: str
    role: str
    where: str


def _where(resource: Resource) -> str:
    name, container = resource.scope.rpartition("/")[2], ""
    if found := re.search(r"/storageAccounts/([^/]+)/blobServices/default/containers/([^/]+)$", resource.scope):
        name, container = found[1], f"/{found[2]}"
    roles = {"sthost": "host", "stdata": "data", "stsys": "sys", "ba": "batch", "appi-": "insights", "cr": "registry"}
    return next(short for prefix, short in roles.items() if name.startswith(prefix)) + container


@cache
def _grants(variant: str = "default") -> frozenset[Grant]:
    names = {identifier: name for name, identifier in json.loads((INFRA / "role_ids.json").read_text()).items()}
    found = []
    for resource in azure(variant).of("Microsoft.Authorization/roleAssignments"):
        properties = resource.body["properties"]
        principal = re.sub(r"^principal-of-id-(\w+)-.*", r"\1", properties["principalId"])
        role = names[properties["roleDefinitionId"].rpartition("/")[2]]
        found.append(Grant(principal, role, _where(resource)))
    assert len(found) == len(set(found))
    return frozenset(found)


def _allows(grant: Grant, need: Need) -> bool:
    patterns = [re.escape(action).replace(r"\*", ".*") for action in ALLOWS[grant.role]]
    reaches = need.where == grant.where or need.where.startswith(f"{grant.where}/")
    return reaches and any(re.fullmatch(pattern, need.action) for pattern in patterns)


@pytest.mark.parametrize("need", NEEDS, ids=lambda need: f"{need.where} {need.action}")
def test_the_call_is_in_the_code_and_the_app_may_make_it(need: Need) -> None:
    assert re.search(need.call, _code()), f"no such call any more: does the app still need {need.action}?"
    assert any(_allows(grant, need) for grant in _grants() if grant.principal == "app")


def test_every_role_of_the_app_is_needed_by_a_call() -> None:
    idle = {
        grant
        for grant in _grants()
        if grant.principal == "app"
        and not any(
            _allows(grant, need)
            and not any(_allows(other, need) for other in _grants() - {grant} if other.principal == "app")
            for need in NEEDS
        )
    }
    # Contributor on the whole account may delegate too; the Delegator beside it stays if that is ever narrowed.
    assert {(grant.role, grant.where) for grant in idle} <= {("Storage Blob Delegator", "sys")}


def test_every_container_that_the_code_reaches_on_the_data_account_has_a_role() -> None:
    reached = set(re.findall(r"data_account\(\)[\s.\w]*\(\s*layout\.(\w+)", _code()))
    granted = {grant.where for grant in _grants() if grant.principal == "app"}
    assert {f"data/{getattr(layout, name)}" for name in reached} <= granted


def test_calls_of_batch_are_all_in_the_table() -> None:
    called = set(re.findall(r"client\(\)\.(\w+)\(", (REPOSITORY / "activities" / "batch.py").read_text()))
    assert called == {need.call.split(".")[1].removesuffix("\\(") for need in NEEDS if need.where == "batch"}


@pytest.mark.parametrize("variant", VARIANTS)
def test_nodes_may_pull_their_image_and_reach_no_data_unless_a_mount_was_asked_for(variant: str) -> None:
    held = {(grant.role, grant.where) for grant in _grants(variant) if grant.principal == "pool"}
    mounted = {("Storage Blob Data Reader", "sys/models")} if variant == "blobfuse" else set()
    assert held == {("AcrPull", "registry")} | mounted


def test_whoever_deploys_may_upload_fetch_and_look_after_tasks_and_nobody_where_nobody_is_named() -> None:
    held = {(grant.role, grant.where) for grant in _grants() if grant.principal == "me"}
    uploads = {layout.VIDEOS, layout.STYLES, layout.IMAGES}
    assert held == {("Storage Blob Data Contributor", f"data/{name}") for name in uploads} | {
        ("Storage Blob Data Reader", f"data/{layout.OUTPUTS}"),
        ("Azure Batch Data Contributor", "batch"),
    }
    unnamed = azure(principalId="").of("Microsoft.Authorization/roleAssignments")
    assert {role.body["properties"]["principalType"] for role in unnamed} == {"ServicePrincipal"}


def test_each_role_says_why() -> None:
    for resource in azure("private").of("Microsoft.Authorization/roleAssignments"):
        assert len(resource.body["properties"]["description"]) > 20


def test_each_role_in_the_list_is_in_use_and_no_id_is_written_elsewhere() -> None:
    used = {grant.role for variant in VARIANTS for grant in _grants(variant)}
    known = json.loads((INFRA / "role_ids.json").read_text())
    assert used == known.keys() == ALLOWS.keys()
    assert known == IDS
    elsewhere = [
        path.name for path in INFRA.rglob("*.bicep") if any(each in path.read_text() for each in known.values())
    ]
    assert elsewhere == []
