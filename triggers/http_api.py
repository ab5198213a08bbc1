"""The HTTP door: start, list, look at and cancel jobs. Anything finer is the Durable management API."""

import json
from datetime import datetime
from typing import Any

import azure.durable_functions as df
import azure.functions as func
from durabletask.client import OrchestrationQuery, OrchestrationState, OrchestrationStatus
from pydantic import ValidationError

from activities.end_run import end_run
from contracts.job import JobRequest, StartInput, field_errors
from contracts.steps import EndInput
from triggers.starting import ORCHESTRATION, BadRequest, list_styles, resolve, start

bp = df.Blueprint()

OVER = (OrchestrationStatus.COMPLETED, OrchestrationStatus.FAILED, OrchestrationStatus.TERMINATED)
MOST_LISTED = 1_000


@bp.function_name("start_job")
@bp.route(route="jobs", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
def start_job(req: func.HttpRequest, client: df.SyncDurableFunctionsClient) -> func.HttpResponse:
    """202 with the Durable management URLs; 400 with {errors: [{field, value, problem, allowed?}]}."""
    try:
        pinned = resolve(_request(req.get_body()))
    except BadRequest as error:
        return _json({"errors": error.errors}, 400)
    job = start(client, pinned, restart=True)
    return client.create_check_status_response(req, job)


@bp.function_name("list_jobs")
@bp.route(route="jobs", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
def list_jobs(req: func.HttpRequest, client: df.SyncDurableFunctionsClient) -> func.HttpResponse:
    """200 with {jobs: [...]}, newest first; `?top=` limits them (50)."""
    asked = req.params.get("top", "50")
    if not asked.isdecimal() or not 1 <= int(asked) <= MOST_LISTED:
        problem = f"must be a whole number from 1 to {MOST_LISTED}"
        return _json({"errors": [{"field": "top", "value": asked, "problem": problem}]}, 400)
    states = client.get_all_orchestration_states(OrchestrationQuery(fetch_inputs_and_outputs=True))
    jobs = sorted((s for s in states if s.name == ORCHESTRATION), key=lambda s: s.created_at, reverse=True)
    return _json({"jobs": [_view(state) for state in jobs[: int(asked)]]}, 200)


@bp.function_name("get_job")
@bp.route(route="jobs/{job}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
def get_job(req: func.HttpRequest, client: df.SyncDurableFunctionsClient) -> func.HttpResponse:
    """200 with the job, or 404."""
    state = _find(client, req)
    return _json(_view(state), 200) if state else _no_job(req)


@bp.function_name("cancel_job")
@bp.route(route="jobs/{job}", methods=["DELETE"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
def cancel_job(req: func.HttpRequest, client: df.SyncDurableFunctionsClient) -> func.HttpResponse:
    """202 once its GPU tasks are told to stop; 404; 409 where it is over already."""
    state = _find(client, req)
    if state is None:
        return _no_job(req)
    if state.runtime_status in OVER:
        problem = f"the job is over ({_status_name(state)}); only a running job can be cancelled"
        return _json({"errors": [{"field": "job", "value": state.instance_id, "problem": problem}]}, 409)
    pinned = StartInput.model_validate(state.get_input())
    client.terminate_orchestration(state.instance_id, output="cancelled", recursive=True)
    end_run(EndInput(job=pinned.job, run=pinned.run, outcome="cancelled"))
    return _json({"job": state.instance_id, "runtimeStatus": "Terminated"}, 202)


@bp.function_name("get_styles")
@bp.route(route="styles", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
def get_styles(req: func.HttpRequest) -> func.HttpResponse:
    """200 with {styles: [{name, title, kind}]}."""
    return _json({"styles": [{"name": s.name, "title": s.title, "kind": s.kind} for s in list_styles()]}, 200)


def _request(body: bytes) -> JobRequest:
    try:
        return JobRequest.model_validate_json(body)
    except ValidationError as error:
        raise BadRequest([dict(entry) for entry in field_errors(error)]) from None


def _find(client: df.SyncDurableFunctionsClient, req: func.HttpRequest) -> OrchestrationState | None:
    state = client.get_orchestration_state(req.route_params["job"])
    return state if state and state.name == ORCHESTRATION else None


def _view(state: OrchestrationState) -> dict[str, Any]:
    failure = state.failure_details
    return {
        "job": state.instance_id,
        "runtimeStatus": _status_name(state),
        "customStatus": state.get_custom_status(),
        "output": failure.message if failure else state.get_output(),
        "createdTime": _utc(state.created_at),
        "lastUpdatedTime": _utc(state.last_updated_at),
    }


def _utc(time: datetime) -> str:
    """The SDK's times are UTC without saying so; written as the Durable status API writes them."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def _status_name(state: OrchestrationState) -> str:
    return "".join(part.capitalize() for part in state.runtime_status.name.split("_"))


def _no_job(req: func.HttpRequest) -> func.HttpResponse:
    value = req.route_params["job"]
    return _json(
        {"errors": [{"field": "job", "value": value, "problem": "no such job; GET /api/jobs lists them"}]}, 404
    )


def _json(body: dict[str, Any], status: int) -> func.HttpResponse:
    return func.HttpResponse(json.dumps(body), status_code=status, mimetype="application/json")
