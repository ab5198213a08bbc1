"""What the host says when an app cannot be run: the file, the cause, the remedy."""

import asyncio
import io
import json
import logging
import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import httpx
import pytest

from local.functions_host.app import load_app
from local.functions_host.errors import AppLoadError, HostError
from local.functions_host.host import Host
from tests.local.functions_host.running_host import APP, PATIENCE_S, launch

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the test app to break."""
    return Path(shutil.copytree(APP, tmp_path / "app"))


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessPoolExecutor]:
    """A fresh process for each app (the loader is process-global), forked with the host already imported."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["local.functions_host.host"])
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool:
        yield pool


Refusal = Callable[..., str]


@pytest.fixture
def refusal(root: Path, processes: ProcessPoolExecutor) -> Refusal:
    """The error, and what was logged, of a host that must not start on `root`."""

    def refuse(**settings: str) -> str:
        return processes.submit(_refusal, root, settings).result()

    return refuse


def _refusal(root: Path, settings: dict[str, str]) -> str:
    os.environ.update(settings)
    logged = io.StringIO()
    logging.basicConfig(stream=logged, force=True)
    with pytest.raises(HostError) as error:
        asyncio.run(Host(root, 0, root.parent / "state").start())
    assert "Traceback" not in logged.getvalue()
    return f"{error.value}\n{logged.getvalue()}"


def write_app(root: Path, body: str) -> None:
    (root / "function_app.py").write_text(f"import azure.functions as func\napp = func.FunctionApp()\n{body}")


def test_the_command_exits_with_status_1_and_one_line(root: Path) -> None:
    (root / "function_app.py").unlink()
    child = launch(root, root.parent / "state")
    assert child.process.wait(PATIENCE_S) == 1
    child.end()
    assert child.lines == [
        f"error: {root / 'function_app.py'}: missing; an app folder holds function_app.py and host.json"
    ]


def test_an_app_that_fails_to_import_is_named_with_the_cause(root: Path, refusal: Refusal) -> None:
    write_app(root, "import no_such_module\n")
    output = refusal()
    assert str(root / "function_app.py") in output
    assert f"No module named 'no_such_module' (at {root / 'function_app.py'}:3)" in output


def test_an_app_that_raises_while_it_is_imported_is_named_with_the_cause(root: Path, refusal: Refusal) -> None:
    write_app(root, "raise ValueError('STYLE_COUNT must be a number, is sig=SECRET')\n")
    output = refusal()
    assert "ValueError: STYLE_COUNT must be a number, is sig=REDACTED" in output


def test_a_folder_without_host_json_is_told_the_smallest_one(root: Path, refusal: Refusal) -> None:
    (root / "host.json").unlink()
    assert '{"version": "2.0"}' in refusal()


def test_a_binding_this_host_does_not_run_is_named(root: Path, refusal: Refusal) -> None:
    write_app(
        root,
        '@app.timer_trigger(arg_name="timer", schedule="0 * * * * *")\ndef tick(timer: func.TimerRequest) -> None:\n'
        "    pass\n",
    )
    output = refusal()
    assert "function 'tick': binding 'timer' is of type 'timerTrigger'" in output
    assert "queueTrigger" in output


def test_a_binding_that_does_not_fit_its_parameter_is_named(root: Path, refusal: Refusal) -> None:
    write_app(
        root,
        '@app.queue_trigger(arg_name="message", queue_name="q", connection="C")\ndef handle(msg: str) -> None:\n'
        "    pass\n",
    )
    assert "handle" in refusal()


def test_a_connection_without_a_setting_is_named_with_the_function(root: Path, refusal: Refusal) -> None:
    output = refusal(AzureWebJobsStorage="UseDevelopmentStorage=true")
    assert "function 'on_work': connection 'DATA_STORAGE'" in output
    assert "DATA_STORAGE__queueServiceUri" in output


def test_values_of_local_settings_json_are_settings(root: Path, refusal: Refusal) -> None:
    values = {"AzureWebJobsStorage": "UseDevelopmentStorage=true", "PYTHON_THREADPOOL_THREAD_COUNT": "4"}
    (root / "local.settings.json").write_text(json.dumps({"IsEncrypted": False, "Values": values}))
    output = refusal()
    assert "connection 'DATA_STORAGE'" in output  # AzureWebJobsStorage is known now
    assert "PYTHON_THREADPOOL_THREAD_COUNT is 4; host.json allows 12" in output


def test_a_host_can_be_closed_and_started_again_in_one_process(root: Path, processes: ProcessPoolExecutor) -> None:
    write_app(root, '@app.route(route="hello", auth_level="anonymous")\ndef hello(req) -> str:\n    return "hi"\n')
    assert processes.submit(_answers_of_two_hosts, root).result() == ["hi", "hi"]


def _answers_of_two_hosts(root: Path) -> list[str]:
    return [asyncio.run(_answer(root)) for _ in range(2)]


async def _answer(root: Path) -> str:
    host = Host(root, 0, root.parent / "state")
    await host.start()
    try:
        async with httpx.AsyncClient() as client:
            return (await client.get(f"{host.url}/api/hello")).text
    finally:
        await host.close()


def test_another_app_in_the_same_process_is_refused(root: Path, processes: ProcessPoolExecutor) -> None:
    write_app(root, '@app.route(route="hello", auth_level="anonymous")\ndef hello(req) -> str:\n    return "hi"\n')
    assert "start another process for another app" in processes.submit(_refusal_of_a_second_app, root).result()


def _refusal_of_a_second_app(root: Path) -> str:
    load_app(root)
    with pytest.raises(AppLoadError) as error:
        load_app(root.parent)
    return str(error.value)


def test_names_in_host_json_and_in_bindings_are_settings(root: Path, refusal: Refusal) -> None:
    (root / "host.json").write_text(json.dumps({"extensions": {"durableTask": {"hubName": "%TASKHUB%"}}}))
    assert "hubName is '%TASKHUB%', but no setting defines TASKHUB" in refusal()
    write_app(
        root,
        '@app.queue_trigger(arg_name="m", queue_name="%QUEUE%", connection="C")\n'
        "def handle(m: func.QueueMessage) -> None:\n    pass\n",
    )
    assert "function 'handle': binding 'm': queueName is '%QUEUE%', but no setting defines QUEUE" in refusal(
        TASKHUB="t"
    )


def test_a_route_that_cannot_be_read_is_named(root: Path, refusal: Refusal) -> None:
    write_app(
        root,
        '@app.route(route="jobs/{id:number}")\ndef job(req: func.HttpRequest) -> str:\n    return ""\n',
    )
    assert "route 'api/jobs/{id:number}': unknown constraint 'number'" in refusal()
