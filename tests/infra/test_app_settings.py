"""The app settings are those that the app and its host read, and they parse."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

from contracts.settings import Settings, table
from tests.infra.deployments import REPOSITORY, VARIANTS, app_settings, azure

CONNECTIONS = ("AzureWebJobsStorage", "DATA_STORAGE", "SYSTEM_STORAGE")
# Read by the Functions host and worker and by Azure's SDKs, not by our code.
OF_AZURE = {
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "AZURE_CLIENT_ID",
    "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS",
    "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY",
    "PYTHON_THREADPOOL_THREAD_COUNT",
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_setting_is_one_that_something_reads(variant: str) -> None:
    ours = {name for name, _, _ in table()}
    of_host = set(re.findall(r"%(\w+)%", (REPOSITORY / "host.json").read_text()))
    names = {name for name in app_settings(variant) if name.partition("__")[0] not in CONNECTIONS}
    assert not [name for name in names if name.startswith("AzureWebJobs.")], "nothing is switched off by default"
    assert names <= ours | of_host | OF_AZURE
    assert of_host <= names, "host.json refers to a setting that is not there"


@pytest.mark.parametrize("variant", VARIANTS)
def test_they_parse_and_say_what_was_asked_for(variant: str) -> None:
    settings = Settings.from_environ(app_settings(variant))
    assert settings.batch_endpoint.startswith("https://")
    assert settings.batch_account_key == ""
    assert settings.uploads_source == "EventGrid"
    pool = azure(variant).one("Microsoft.Batch/batchAccounts/pools").body
    assert settings.batch_pool_id == pool["name"] == azure(variant).outputs["BATCH_POOL_ID"]
    assert settings.pool_slots_per_node == pool["properties"]["taskSlotsPerNode"]
    assert f"maxNodes = {settings.pool_nodes};" in pool["properties"]["scaleSettings"]["autoScale"]["formula"]


def test_further_settings_are_passed_on_but_cannot_replace_what_the_deployment_knows() -> None:
    given = {"MAX_JOB_COST": "20", "BATCH_POOL_ID": "another", "NODE_PRICE_PER_HOUR": "3"}
    deployed = azure(settings=_Frozen(given)).one("Microsoft.Web/sites/config").body["properties"]
    assert Settings.from_environ(deployed).max_job_cost == 20
    assert deployed["NODE_PRICE_PER_HOUR"] == "3"
    assert deployed["BATCH_POOL_ID"] == "atelier"


def _functions() -> dict[str, str]:
    """Every function of the app, with its decorators."""
    text = "\n".join(path.read_text() for path in sorted((REPOSITORY / "triggers").glob("*.py")))
    return dict(re.findall(r'(?ms)^@bp\.function_name\("(\w+)"\)(.*?)^def ', text))


@pytest.mark.parametrize("pause", ["doors", "all"])
def test_closed_doors_are_those_that_start_work(pause: str) -> None:
    deployed = azure(pause=pause).one("Microsoft.Web/sites/config").body["properties"]
    switched = {name: value for name, value in deployed.items() if name.startswith("AzureWebJobs.")}
    assert set(switched.values()) == {"true"}
    closed = {name.split(".")[1] for name in switched}
    functions = _functions()
    # A video, a request for a job, and one for a job again. What nodes and running jobs say is heard.
    assert closed == {"on_video_uploaded", "start_job", "retry_job"}
    assert closed <= functions.keys()
    assert "blob_trigger" in functions["on_video_uploaded"]


def test_quotes_know_of_spot_prices_and_boots_only_where_there_are_any() -> None:
    prices = {"nodePricePerHour": "2", "spotPricePerHour": "0.5", "priceCurrency": "EUR", "nodeBootSeconds": "480"}

    def known(**more: Any) -> tuple[float, float, str, float]:
        found = Settings.from_environ(azure(**prices, **more).one("Microsoft.Web/sites/config").body["properties"])
        return (
            found.node_price_per_hour,
            found.spot_price_per_hour,
            found.price_currency,
            found.node_boot_seconds,
        )

    assert known() == (2.0, 0.5, "EUR", 480.0)
    assert known(spot=False) == (2.0, 0.0, "EUR", 480.0)
    assert known(minNodes=1) == (2.0, 0.5, "EUR", 0.0)


class _Frozen(dict[str, str]):
    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(self.items()))


def _connections_of_bindings() -> set[str]:
    """Every `connection=` of a trigger or binding, and the host's own."""
    found = {"AzureWebJobsStorage"}
    for path in sorted((REPOSITORY / "triggers").glob("*.py")):
        tree = ast.parse(path.read_text())
        named = {
            target.id: node.value.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword) and node.arg == "connection":
                found.add(str(node.value.value if isinstance(node.value, ast.Constant) else named[node.value.id]))  # type: ignore[attr-defined]
    return found


def test_every_connection_that_a_binding_names_is_there_by_identity() -> None:
    assert _connections_of_bindings() == set(CONNECTIONS)
    settings, deployed = app_settings(), azure()
    (identity,) = deployed.one("Microsoft.Web/sites").body["identity"]["userAssignedIdentities"]
    client = f"client-of-{identity.rpartition('/')[2]}"
    for connection in CONNECTIONS:
        assert connection not in settings, "a connection string would need a key"
        assert settings[f"{connection}__credential"] == "managedidentity"
        assert settings[f"{connection}__clientId"] == client
        for service in ("blob", "queue"):
            uri = settings[f"{connection}__{service}ServiceUri"]
            assert re.fullmatch(rf"https://st\w+\.{service}\.core\.windows\.net/", uri)
    # What SDKs take that read no connection: without it they could not tell several user-assigned identities apart.
    assert settings["AZURE_CLIENT_ID"] == client


def test_durables_tables_are_reached_and_accounts_are_three() -> None:
    settings = app_settings()
    assert "AzureWebJobsStorage__tableServiceUri" in settings
    assert len({settings[f"{connection}__blobServiceUri"] for connection in CONNECTIONS}) == 3


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_setting_holds_a_secret_or_one_that_flex_consumption_refuses(variant: str) -> None:
    settings = app_settings(variant)
    assert not {"FUNCTIONS_WORKER_RUNTIME", "FUNCTIONS_EXTENSION_VERSION", "WEBSITE_RUN_FROM_PACKAGE"} & settings.keys()
    assert not [name for name, value in settings.items() if re.search("(?i)accountkey=|sig=|password", value)]


def test_the_app_runs_the_python_that_it_is_tested_with() -> None:
    runtime = azure().one("Microsoft.Web/sites").body["properties"]["functionAppConfig"]["runtime"]
    assert runtime == {"name": "python", "version": ".".join(_python().split(".")[:2])}


def _python() -> str:
    return (REPOSITORY / ".python-version").read_text().strip()


def test_the_hosts_threads_serve_what_host_json_lets_run() -> None:
    host = json.loads(Path(REPOSITORY / "host.json").read_text())["extensions"]["durableTask"]
    wanted = host["maxConcurrentActivityFunctions"] + host["maxConcurrentOrchestratorFunctions"]
    assert int(app_settings()["PYTHON_THREADPOOL_THREAD_COUNT"]) >= wanted
