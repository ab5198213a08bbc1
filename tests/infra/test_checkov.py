"""Checkov's opinion of what is deployed: every finding is explained, and every explanation still has its finding.

It is shown the evaluated deployment, as a plain ARM template: of Bicep itself it understands a few types only.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.infra.bicep.evaluate import Resource
from tests.infra.checkov_environment import checkov
from tests.infra.deployments import azure, events

SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
OPEN = "the default deployment has public endpoints that take identities alone; privateNetwork closes them"
ON_SETTINGS = "it reads app settings as if they were the site's other configuration"
EXPLAINED = {
    "CKV_AZURE_13": "the HTTP door asks for function keys; Easy Auth would shut out Event Grid and azd",
    "CKV_AZURE_17": "callers are people and scripts with a function key, not machines with certificates",
    "CKV_AZURE_35": OPEN,
    "CKV_AZURE_36": "host and system account: no Azure service but the app needs to get in",
    "CKV_AZURE_59": f"{OPEN}; the private data account is open to the addresses that were named",
    "CKV_AZURE_63": ON_SETTINGS,
    "CKV_AZURE_65": ON_SETTINGS,
    "CKV_AZURE_66": ON_SETTINGS,
    "CKV_AZURE_76": "Batch keeps no data of users; its own records are encrypted with Microsoft's keys",
    "CKV_AZURE_80": ON_SETTINGS,
    "CKV_AZURE_88": "Flex Consumption has no Azure Files, and they would need an account key",
    "CKV_AZURE_139": "the registry holds code alone; the machines of `az acr build` come from outside",
    "CKV_AZURE_163": "scanning is Defender's, bought for a subscription and not declared with a registry",
    "CKV_AZURE_166": "quarantine needs a scanner that releases images; without one no image is ever released",
    "CKV_AZURE_206": "dataRedundancy chooses; intermediates can be made again",
    "CKV_AZURE_212": "Flex Consumption scales from zero; alwaysReadyInstances chooses",
    "CKV_AZURE_213": "Flex Consumption replaces instances itself and has no health check path",
    "CKV_AZURE_222": "the HTTP door and Event Grid's web hook come from outside, with keys",
    "CKV_AZURE_225": "a lost zone means a later result; zone redundancy wants always-ready instances",
    "CKV_AZURE_233": "an image can be built again; zone redundancy is Premium's",
    "CKV_AZURE_248": OPEN,
}


def _template(resources: list[Resource]) -> dict[str, Any]:
    plain = [
        {"type": r.type, "apiVersion": r.api, **r.body, "name": r.name} for r in resources if not r.existing
    ]  # names as ARM has them: with those of the parents
    return {"$schema": SCHEMA, "contentVersion": "1.0.0.0", "resources": plain}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("arm")
    for variant in ("default", "private"):
        template = _template([*azure(variant).resources, *events().resources])
        (folder / f"{variant}.json").write_text(json.dumps(template))
    return _run(checkov(), folder)


def _run(program: Path, folder: Path) -> dict[str, Any]:
    command = [program, "-d", folder, "--framework", "arm", "--skip-download", "--compact", "--quiet", "-o", "json"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    # 1: there are findings.
    assert ended.returncode in (0, 1), ended.stderr
    return json.loads(ended.stdout)


@pytest.mark.timeout(900)
def test_every_finding_is_explained_and_every_explanation_has_its_finding(report: dict[str, Any]) -> None:
    found: dict[str, set[str]] = {}
    for failure in report["results"]["failed_checks"]:
        found.setdefault(failure["check_id"], set()).add(failure["resource"])
    unexplained = {check: resources for check, resources in found.items() if check not in EXPLAINED}
    assert unexplained == {}
    assert EXPLAINED.keys() - found.keys() == set(), "explained, but no finding any more"


@pytest.mark.timeout(900)
def test_it_understood_what_it_was_shown(report: dict[str, Any]) -> None:
    assert report["summary"]["parsing_errors"] == 0
    assert report["summary"]["resource_count"] > 100
    assert report["summary"]["passed"] > 50


@pytest.mark.timeout(900)
def test_what_is_closed_stays_closed(report: dict[str, Any]) -> None:
    """Findings about open accounts are the default deployment's; of the private one, the named addresses' alone."""
    about = {(f["file_path"], f["check_id"], f["resource"]) for f in report["results"]["failed_checks"]}
    private = {(check, resource.split(".")[-1][:6]) for file, check, resource in about if file == "/private.json"}
    about_doors = {"CKV_AZURE_35", "CKV_AZURE_59", "CKV_AZURE_248"}
    assert {each for each in private if each[0] in about_doors} == {("CKV_AZURE_59", "stdata")}
