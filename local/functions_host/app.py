"""Load an app folder with the Functions Python runtime and invoke its functions.

The loader, the validation, the converters and the thread pool are those Azure runs (azure-functions-runtime); only the
wire is left out: inputs and outputs are the runtime's own `Datum` values. The runtime keeps its registry and the
module `function_app` in process globals, so one process runs one app folder; loading it again gives the same App.
"""

import contextlib
import importlib.metadata
import json
import logging
import os
import sys
import threading
import time
import traceback
import types
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import azure_functions_runtime as runtime
from azure_functions_runtime import handle_event, loader, native_invocation
from azure_functions_runtime.bindings import meta
from azure_functions_runtime.bindings.datumdef import Datum

from local.functions_host.errors import AppLoadError, HostError, InvocationError
from local.functions_host.host_json import HostJson, expand, read_host_json, read_json
from local.functions_host.redaction import install_filters, redact

log = logging.getLogger(__name__)

RUNTIME_VERSION = "1.3.0"  # native_invocation is not public: another version may take other arguments
TRIGGERS = frozenset(
    {"httpTrigger", "queueTrigger", "blobTrigger", "orchestrationTrigger", "activityTrigger", "entityTrigger"}
)
BINDINGS = frozenset({"durableClient", "http", "queue", "blob"})
# The loader only reads these constants of the protobuf module it is normally given.
_PROTOS = types.SimpleNamespace(BindingInfo=types.SimpleNamespace(**{"in": 0, "out": 1, "inout": 2, "undefined": 0}))


@dataclass(frozen=True)
class Function:
    """One indexed function: its name, its bindings as function.json would have them, and its trigger among them."""

    name: str
    function_id: str
    bindings: tuple[dict[str, Any], ...]
    trigger: dict[str, Any]
    deferred_inputs: frozenset[str]

    def setting(self, key: str, default: str) -> str:
        """A text setting of the trigger; `default` where it is absent or empty."""
        return str(self.trigger.get(key) or default)


@dataclass(frozen=True)
class Result:
    """What one invocation gave back: the return value and the output bindings by name."""

    returned: Datum | None
    outputs: Mapping[str, Datum] = field(default_factory=dict)


class App:
    """A loaded app folder. Make it with `load_app`."""

    def __init__(self, root: Path, host: HostJson, functions: dict[str, Function]) -> None:
        self.root = root
        self.host = host
        self.functions = functions
        self._running: dict[str, str] = {}
        self._lock = threading.Lock()

    def triggered_by(self, kind: str) -> list[Function]:
        """The functions whose trigger is of type `kind`, such as `queueTrigger`."""
        return [one for one in self.functions.values() if one.trigger["type"] == kind]

    @property
    def running(self) -> list[str]:
        """Names of the functions running now."""
        with self._lock:
            return sorted(self._running.values())

    async def invoke(
        self, function: Function, inputs: Mapping[str, Datum], metadata: Mapping[str, Datum] | None = None
    ) -> Result:
        """Run `function` once. Raises InvocationError when it raises."""
        invocation, began = str(uuid.uuid4()), time.monotonic()
        with self._tracked(invocation, function.name):
            succeeded, returned, outputs, summary, trace = await native_invocation.invocation_request_native(
                invocation, function.function_id, list(inputs.items()), dict(metadata or {})
            )
        if not succeeded:
            raise InvocationError(function.name, redact(summary or "failed"), redact(trace or ""))
        log.debug("%s succeeded after %.0f ms", function.name, 1000 * (time.monotonic() - began))
        return Result(returned, dict(outputs))

    @contextlib.contextmanager
    def _tracked(self, invocation: str, name: str) -> Iterator[None]:
        with self._lock:
            self._running[invocation] = name
        try:
            yield
        finally:
            with self._lock:
                del self._running[invocation]


_loaded: App | None = None


def load_app(root: str | Path) -> App:
    """Load the app in folder `root`: settings, host.json, function_app.py.

    Raises AppLoadError or HostFileError, naming the file and the cause.
    """
    global _loaded
    path = Path(root).resolve()
    if _loaded is not None:
        if _loaded.root != path:
            raise AppLoadError(
                f"{path}: this process already runs the app in {_loaded.root}; start another process for another app"
            )
        return _loaded
    _check_runtime()
    _apply_local_settings(path / "local.settings.json")
    host = read_host_json(path / "host.json")
    _size_thread_pool(host)
    install_filters()
    functions = _index(path)
    runtime.start_threadpool_executor()
    native_invocation._decode_inputs = _decode_inputs
    _loaded = App(path, host, functions)
    return _loaded


def _check_runtime() -> None:
    found = importlib.metadata.version("azure-functions-runtime")
    if found != RUNTIME_VERSION:
        raise AppLoadError(f"azure-functions-runtime is {found}; this host drives {RUNTIME_VERSION}: install that one")


def _apply_local_settings(path: Path) -> None:
    """As Core Tools do: values of local.settings.json, where the environment has none of that name."""
    if path.exists():
        for name, value in read_json(path).get("Values", {}).items():
            os.environ.setdefault(name, str(value))


def _size_thread_pool(host: HostJson) -> None:
    """Orchestrators, activities and other plain functions share one pool: too small, and they wait for each other."""
    needed = host.durable.max_activities + host.durable.max_orchestrators
    configured = os.environ.setdefault("PYTHON_THREADPOOL_THREAD_COUNT", str(needed + 8))
    if not configured.isdigit() or int(configured) < needed:
        log.warning(
            "PYTHON_THREADPOOL_THREAD_COUNT is %s; host.json allows %d activities and orchestrators at once: "
            "set it to %d or more",
            configured,
            needed,
            needed,
        )


def _index(root: Path) -> dict[str, Function]:
    source = root / "function_app.py"
    if not source.exists():
        raise AppLoadError(f"{source}: missing; an app folder holds function_app.py and host.json")
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    meta.load_binding_registry()
    try:
        indexed = loader.index_function_app(str(source))
        functions = [_function(one) for one in indexed]
    except HostError:
        raise
    except Exception as error:  # whatever the app's own code raises while it is imported
        raise AppLoadError(f"{source}: cannot be loaded: {_cause(root, error)}") from error
    _check_source(source)
    return {one.name: one for one in functions if not _disabled(one)}


def _cause(root: Path, error: Exception) -> str:
    """What was raised, and the innermost line of the app it came from."""
    if isinstance(error, ImportError) and isinstance(error.__context__, ImportError):
        error = error.__context__  # the runtime adds advice about Azure and the whole of sys.path
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(str(root))]
    where = f" (at {frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    return redact(f"{type(error).__name__}: {error}{where}")


def _check_source(source: Path) -> None:
    loaded_from = Path(str(sys.modules["function_app"].__file__)).resolve()
    if loaded_from != source:
        raise AppLoadError(
            f"{source}: not loaded, because the module function_app was already imported from {loaded_from}; "
            "start the host in a process of its own"
        )


def _function(indexed: Any) -> Function:
    registry: Any = handle_event._functions  # annotated as a mapping there
    info = registry.add_indexed_function(indexed, _PROTOS)
    bindings = tuple(_expanded(info.name, json.loads(one)) for one in indexed.get_raw_bindings())
    for one in bindings:
        if one["type"] not in TRIGGERS | BINDINGS or (one["type"] == "blob" and one["direction"] in (0, "IN", "in")):
            raise AppLoadError(
                f"function {info.name!r}: binding {one['name']!r} is of type {one['type']!r}, which this host does not "
                f"run; it runs {', '.join(sorted(TRIGGERS | BINDINGS))} (blob as output only)"
            )
    trigger = next((one for one in bindings if one["type"] in TRIGGERS), None)
    if trigger is None:
        raise AppLoadError(f"function {info.name!r}: has no trigger; decorate it with one")
    deferred = frozenset(name for name, kind in info.input_types.items() if kind.deferred_bindings_enabled)
    return Function(info.name, info.function_id, bindings, trigger, deferred)


def _expanded(function: str, binding: dict[str, Any]) -> dict[str, Any]:
    """A binding with the `%SETTING%` in its queue name and path resolved."""
    places = {key: value for key, value in binding.items() if key in ("queueName", "path", "connection") and value}
    at = f"function {function!r}: binding {binding['name']!r}: "
    return binding | {key: expand(value, f"{at}{key}") for key, value in places.items()}


def _disabled(function: Function) -> bool:
    """Azure's switch: app setting AzureWebJobs.<function>.Disabled."""
    off = os.environ.get(f"AzureWebJobs.{function.name}.Disabled", "").lower() in ("true", "1")
    if off:
        log.warning("function %s is disabled by the setting AzureWebJobs.%s.Disabled", function.name, function.name)
    return off


def _decode_inputs(info: Any, inputs: list[tuple[str, Datum]], metadata: Mapping[str, Datum] | None) -> dict[str, Any]:
    """The runtime's own step, which leaves out what a deferred binding (BlobClient) needs: the type to make."""
    arguments: dict[str, Any] = {}
    for name, datum in inputs:
        kind = info.input_types[name]
        binding: Any = meta.get_binding(kind.binding_name, kind.deferred_bindings_enabled)
        own = (metadata or {}) if meta.is_trigger_binding(kind.binding_name) else {}
        if kind.deferred_bindings_enabled:
            arguments[name] = binding.decode(datum, trigger_metadata=own, pytype=kind.pytype)
        else:
            arguments[name] = binding.decode(datum, trigger_metadata=own)
    return arguments
