"""Every activity as a Durable function: JSON in, contract in the middle, JSON out.

An activity that raises JobRefused answers with `Refused` instead of failing, so that the workflow's retries are spent
only on what may pass by itself.
"""

import logging
from collections.abc import Callable
from typing import Any

import azure.durable_functions as df

from activities.bury_task import bury_task
from activities.check_run import check_run
from activities.claim_fit import claim_fit
from activities.end_run import end_run
from activities.find_model import find_model
from activities.inspect_gpu_task import inspect_gpu_task
from activities.measure_fit import measure_fit
from activities.measure_progress import measure_progress
from activities.plan_chunks import plan_chunks
from activities.plan_fit import plan_fit
from activities.probe_video import probe_video
from activities.publish import publish
from activities.publish_stitched import publish_stitched
from activities.refusal import JobRefused
from activities.stitch_video import stitch_video
from activities.submit_chunk import submit_chunk
from activities.submit_fit import submit_fit
from activities.submit_stitch import submit_stitch
from activities.verify_chunk import verify_chunk
from activities.verify_fit import verify_fit
from activities.verify_stitch import verify_stitch
from contracts.job import StartInput
from contracts.model import Contract
from contracts.steps import Burial, Check, EndInput, PublishInput, Refused, RunRef, StitchTaskRef, TaskRef

log = logging.getLogger(__name__)
bp = df.Blueprint()


def activity[I: Contract](function: Callable[..., Contract], takes: type[I], *, needs_client: bool = False) -> None:
    """Register `function` under its own name; one that `needs_client` is given a Durable client as well."""

    def run(payload: dict) -> dict:  # plain: the Functions runtime takes no generic alias in a binding
        return _answer(function, takes.model_validate(payload))

    def run_with_client(payload: dict, client: df.SyncDurableFunctionsClient) -> dict:
        return _answer(function, takes.model_validate(payload), client)

    chosen = run_with_client if needs_client else run
    chosen.__name__ = chosen.__qualname__ = function.__name__
    registered = bp.activity_trigger(input_name="payload")(chosen)
    if needs_client:
        bp.durable_client_input(client_name="client")(registered)


def _answer(function: Callable[..., Contract], *given: Any) -> dict:
    try:
        return function(*given).model_dump(mode="json")
    except JobRefused as refusal:
        log.warning("%s refused: %s", function.__name__, refusal)
        return Refused(refused=str(refusal)).model_dump(mode="json")


activity(probe_video, StartInput)
activity(plan_chunks, StartInput)
activity(plan_fit, StartInput)
activity(find_model, RunRef)
activity(claim_fit, RunRef)
activity(measure_fit, RunRef)
activity(submit_fit, TaskRef)
activity(verify_fit, Check)
activity(submit_chunk, TaskRef)
activity(inspect_gpu_task, TaskRef)
activity(verify_chunk, Check)
activity(bury_task, Burial)
activity(measure_progress, RunRef)
activity(stitch_video, RunRef)
activity(submit_stitch, TaskRef)
activity(verify_stitch, Check)
activity(publish_stitched, StitchTaskRef)
activity(publish, PublishInput)
activity(end_run, EndInput)
activity(check_run, RunRef, needs_client=True)
