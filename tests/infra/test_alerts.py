"""Alerts look for what the code and the services do say."""

import re
from typing import Any

from contracts import layout
from tests.infra.deployments import REPOSITORY, azure, events


def _rules() -> dict[str, dict[str, Any]]:
    rules = azure().of("Microsoft.Insights/scheduledQueryRules")
    return {re.sub(r"^alert-(.*)-\w+$", r"\1", rule.name): rule.body["properties"] for rule in rules}


def _query(name: str) -> str:
    return _rules()[name]["criteria"]["allOf"][0]["query"]


def _categories(scope: str, deployed: Any) -> set[str]:
    found = [r for r in deployed.of("Microsoft.Insights/diagnosticSettings") if scope in r.scope]
    return {log["category"] for setting in found for log in setting.body["properties"]["logs"] if log["enabled"]}


def test_there_is_one_for_each_way_that_work_gets_stuck() -> None:
    assert _rules().keys() == {"job-failed", "dead-letter", "pool-resize-failed", "queue-stalled", "upload-unheard"}


def test_each_reaches_the_operator_and_says_what_to_do() -> None:
    with_email = azure("cpu").one("Microsoft.Insights/actionGroups")
    assert with_email.body["properties"]["emailReceivers"][0]["emailAddress"] == "someone@example.com"
    for rule in _rules().values():
        (group,) = rule["actions"]["actionGroups"]
        assert "/actionGroups/" in group
        assert len(rule["description"]) > 40
        # The tables are there from their first row on only.
        assert rule["skipQueryValidation"] is True


def test_a_dead_letter_is_known_by_the_line_that_the_code_logs() -> None:
    (line,) = re.findall(r'log\.error\("(dead letter %s/)%s', (REPOSITORY / "activities" / "deadletter.py").read_text())
    assert f'startswith "{line % layout.DEADLETTER}"' in _query("dead-letter")


def test_a_failed_job_is_known_by_the_line_that_the_code_logs() -> None:
    (line,) = re.findall(r'log\.error\("(job %s failed: )%s"', (REPOSITORY / "activities" / "end_run.py").read_text())
    (pattern,) = re.findall(r'Message matches regex @"([^"]*)"', _query("job-failed"))
    assert re.match(pattern, line % "clip-0123456789abcdef")
    assert not re.match(pattern, "job clip-0123456789abcdef finished")


def test_a_failed_job_is_known_by_its_orchestrator() -> None:
    workflow = (REPOSITORY / "orchestrations" / "score_video.py").read_text()
    (name,) = re.findall(r"^def (\w+)\(ctx: OrchestrationContext, payload", workflow, re.MULTILINE)
    assert f"Function '{name} (Orchestrator)' failed" in _query("job-failed")


def test_what_they_read_is_sent_to_the_workspace() -> None:
    assert _categories("/queueServices/default", azure()) == {"StorageWrite", "StorageDelete"}
    assert _categories("/batchAccounts/", azure()) == {"ServiceLog"}
    assert _categories("/systemTopics/", events()) == {"DeliveryFailures"}
    assert "StorageQueueLogs" in _query("queue-stalled")
    assert "PoolResizeCompleteEvent" in _query("pool-resize-failed")
    assert "AegDeliveryFailureLogs" in _query("upload-unheard")


def test_telemetry_needs_an_identity_and_not_a_key() -> None:
    assert azure().one("Microsoft.Insights/components").body["properties"]["DisableLocalAuth"] is True
    workspace = azure().one("Microsoft.OperationalInsights/workspaces").body["properties"]
    assert workspace["features"]["disableLocalAuth"] is True
