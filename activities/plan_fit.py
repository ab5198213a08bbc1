"""Activity `plan_fit`: what a job that only fits a style is expected to take, held against its limits."""

from activities import limits
from activities.fit_estimate import expected_fit_seconds
from activities.policy import policy_of
from activities.settings import settings
from activities.storage import system_account
from contracts import layout
from contracts.job import StartInput
from contracts.plan import node_cost
from contracts.steps import FitPlanned

REMEDY = "fit fewer steps (FIT_STEPS) or for less time (FIT_MAX_SECONDS)"


def plan_fit(start: StartInput) -> FitPlanned:
    """Write the job's start; nothing else of a plan is needed where nothing is cut.

    Raises:
        JobRefused: the fit would cost more than it may.
    """
    known = settings()
    system_account().write_json(layout.JOBS, layout.start_blob(start.job), start)
    seconds = expected_fit_seconds(start)
    cost = node_cost(seconds, known.pool_slots_per_node, known.node_price_per_hour)
    try:
        limits.check_cost(cost, start.request.options.max_cost, known, "style", REMEDY)
    except limits.OverLimit as over:
        raise over.refusal() from None
    return FitPlanned(
        policy=policy_of(known, start.request.options),
        expected_seconds=round(seconds, 3),
        expected_cost=round(cost, 6),
    )
