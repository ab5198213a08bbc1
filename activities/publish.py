"""Activity `publish`: the ledger and the provenance beside the finished video.

How fast the job was scored is kept as well: the next plan of the same work is made from it.
"""

from activities import gpu_tasks, measured_speed, model_records, models
from activities.makespan import makespan_of
from activities.segments import read_outcomes
from activities.settings import settings
from activities.storage import data_account, system_account
from activities.version import code_version
from contracts import frame_runs, layout
from contracts.job import StartInput
from contracts.layout import LEDGER_NAME, PROVENANCE_NAME
from contracts.ledger import ChunkOutcome, Ledger
from contracts.makespan import Makespan
from contracts.plan import Plan
from contracts.provenance import Provenance
from contracts.status import JobResult
from contracts.steps import PublishInput, RunRef
from contracts.task_spec import EncoderOptions


def publish(publication: PublishInput) -> JobResult:
    """Write `ledger.json` and `provenance.json` and return the job's result.

    Raises:
        contracts.ledger.LedgerIncomplete: a frame is unaccounted for.
    """
    job, stitched = publication.job, publication.stitched
    start = gpu_tasks.read_start(job)
    key = models.model_key(start)
    plan = system_account().read_json(layout.JOBS, layout.plan_blob(job), Plan)
    outcomes = read_outcomes(job)
    ledger = Ledger.from_chunks(job, plan.frame_count, outcomes)
    seconds = publication.scoring_seconds
    makespan = makespan_of(plan, outcomes, RunRef.of(publication), seconds) if seconds else None
    provenance = _provenance(publication, start, key, plan, outcomes, makespan)
    data = data_account()
    data.write_json(layout.OUTPUTS, layout.output_blob(job, LEDGER_NAME), ledger)
    data.write_json(layout.OUTPUTS, layout.output_blob(job, PROVENANCE_NAME), provenance)
    if seconds:
        _remember_speed(publication, start, plan, outcomes)
    return JobResult(
        job=job,
        model=key,
        output=stitched.output,
        ledger=layout.output_blob(job, LEDGER_NAME),
        provenance=layout.output_blob(job, PROVENANCE_NAME),
        frames=plan.frame_count,
        bad_frames=frame_runs.count(ledger.bad_runs),
        output_bytes=stitched.output_bytes,
        output_sha256=stitched.output_sha256,
        cost=publication.cost,
        wasted_seconds=publication.wasted_seconds,
        wasted_cost=publication.wasted_cost,
        makespan=makespan,
    )


def _remember_speed(publication: PublishInput, start: StartInput, plan: Plan, outcomes: list[ChunkOutcome]) -> None:
    record = measured_speed.measured_of(plan, outcomes, RunRef.of(publication), publication.scoring_seconds)
    if record is not None:
        workload = measured_speed.workload_of(start.request, settings().batch_pool_id, plan.execution.precision)
        measured_speed.remember(workload, record)


def _provenance(
    publication: PublishInput,
    start: StartInput,
    key: str | None,
    plan: Plan,
    outcomes: list[ChunkOutcome],
    makespan: Makespan | None,
) -> Provenance:
    """`key` is that of the fitted network, if the job used one."""
    model = models.model_ref(start)
    builtin = models.builtin_style(start)
    fitted = builtin or (model_records.find_record(key) if key else None)
    return Provenance(
        job=publication.job,
        request=start.request,
        code_version=code_version(),
        source_etag=start.video[1],
        source_bytes=start.video_bytes,
        source_md5=_source_md5(start),
        style_etag=start.style_etag,
        model=builtin.name if builtin else key,
        model_sha256=model.sha256 if model else None,
        model_features=fitted.features if fitted else None,
        model_recipe=fitted.recipe if fitted else None,
        plan=plan,
        encoder={"codec": "libx264", **EncoderOptions().model_dump()},
        devices=tuple(sorted({outcome.device for outcome in outcomes if outcome.device})),
        audio=publication.stitched.audio,
        output_sha256=publication.stitched.output_sha256,
        output_bytes=publication.stitched.output_bytes,
        gpu_task_seconds=round(sum(outcome.seconds.total for outcome in outcomes), 3),
        wasted_seconds=publication.wasted_seconds,
        cost=publication.cost,
        wasted_cost=publication.wasted_cost,
        currency=settings().price_currency,
        makespan=makespan,
    )


def _source_md5(start: StartInput) -> str | None:
    """Hex MD5 as the uploader's tool stored it with the blob (Azure's Content-MD5), if it did."""
    blob = data_account().container(layout.VIDEOS).get_blob_client(start.video[0])
    stored = blob.get_blob_properties().content_settings.content_md5
    return bytes(stored).hex() if stored else None
