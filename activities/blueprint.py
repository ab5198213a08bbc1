"""Every activity as a Durable function: JSON in, contract in the middle, JSON out.

An activity that raises JobRefused answers with `Refused` instead of failing, so that the workflow's retries are spent
only on what may pass by itself.

Each activity is function `<name>` of module `activities.<name>`, imported when it is called for the first time: PyAV,
NumPy and Batch's SDK take as long to load as all else of the app, and the doors, which Azure gives instances of their
own, do without them.
"""

import importlib
import logging
from contextlib import nullcontext
from typing import Any

import azure.durable_functions as df

from activities.refusal import JobRefused
from activities.tracing import parent_of
from contracts.job import StartInput
from contracts.model import Contract
from contracts.steps import Burial, Check, EndInput, PublishInput, Refused, RunRef, StitchTaskRef, TaskRef
from telemetry.log_fields import about
from telemetry.spans import span

log = logging.getLogger(__name__)
bp = df.Blueprint()


def activity[I: Contract](name: str, takes: type[I], *, needs_client: bool = False) -> None:
    """Register the activity `name`; one that `needs_client` is given a Durable client as well."""

    def run(payload: dict) -> dict:  # plain: the Functions runtime takes no generic alias in a binding
        return _answer(name, takes.model_validate(payload))

    def run_with_client(payload: dict, client: df.SyncDurableFunctionsClient) -> dict:
        return _answer(name, takes.model_validate(payload), client)

    chosen = run_with_client if needs_client else run
    chosen.__name__ = chosen.__qualname__ = name
    registered = bp.activity_trigger(input_name="payload")(chosen)
    if needs_client:
        bp.durable_client_input(client_name="client")(registered)


def _answer(name: str, *given: Any) -> dict:
    function = getattr(importlib.import_module(f"activities.{name}"), name)
    parent = parent_of(name, given[0])
    with about(given[0]), span(name, parent) if parent else nullcontext():
        try:
            return function(*given).model_dump(mode="json")
        except JobRefused as refusal:
            log.warning("%s refused: %s", name, refusal)
            return Refused(refused=str(refusal)).model_dump(mode="json")


activity("probe_video", StartInput)
activity("plan_chunks", StartInput)
activity("plan_fit", StartInput)
activity("find_model", RunRef)
activity("claim_fit", RunRef)
activity("measure_fit", RunRef)
activity("submit_fit", TaskRef)
activity("verify_fit", Check)
activity("submit_chunk", TaskRef)
activity("inspect_gpu_task", TaskRef)
activity("verify_chunk", Check)
activity("bury_task", Burial)
activity("measure_progress", RunRef)
activity("stitch_video", RunRef)
activity("submit_stitch", TaskRef)
activity("verify_stitch", Check)
activity("publish_stitched", StitchTaskRef)
activity("publish", PublishInput)
activity("end_run", EndInput)
activity("check_run", RunRef, needs_client=True)
activity("record_run", RunRef, needs_client=True)
