"""The figures that a job's chunks are chosen by, for each way to run its scorer."""

from activities.execution import executions
from activities.expected_speed import expected_speed
from activities.measured_speed import known_variants, workload_of
from contracts.job import JobRequest
from contracts.measured import Variant
from contracts.plan import PlanFigures
from contracts.settings import Settings
from contracts.steadying import frames_before
from contracts.task_spec import Execution
from contracts.video_index import VideoIndex
from media.frames import output_size


def figures_by_execution(
    request: JobRequest, index: VideoIndex, fit_seconds: float, known: Settings
) -> list[tuple[Execution, PlanFigures]]:
    """Each way that is worth weighing, with what it is expected to need; `fit_seconds`: 0 where nothing is fitted."""
    size = output_size(index, request.options.max_dimension)
    workload = workload_of(request, known.batch_pool_id, known.score_precision)
    variants = known_variants(workload)
    found: list[tuple[Execution, PlanFigures]] = []
    for execution in executions(request.scorer, known):
        speed = expected_speed(workload, Variant.of(size, execution), variants, known)
        figures = PlanFigures(
            workers=known.workers,
            workers_per_node=known.pool_slots_per_node,
            workers_per_task=execution.workers,
            start_up_seconds=speed.start_up_seconds,
            seconds_per_frame=speed.seconds_per_frame,
            compile_seconds=speed.compile_seconds,
            node_losses_per_hour=known.node_losses_per_hour,
            node_price_per_hour=known.node_price_per_hour,
            fit_seconds=fit_seconds,
            frame_size=size,
            warm_up=frames_before(request.scorer, request.options),
            source=speed.source,
            measured_jobs=speed.jobs,
        )
        found.append((execution, figures))
    return found
