"""Activity `bury_task`: GPU work that was given up for good is kept as a dead letter, with the frames that broke it."""

from activities import deadletter
from contracts import layout
from contracts.deadletter import DeadLetter
from contracts.messages import GPU_TASKS_QUEUE, GpuTask
from contracts.steps import Burial, Buried


def bury_task(burial: Burial) -> Buried:
    """Write the dead letter; again is harmless, it has one name."""
    message = GpuTask(**burial.about(), run=burial.run)
    letter = DeadLetter(
        queue=GPU_TASKS_QUEUE,
        entry=f"{layout.batch_job(burial.job, burial.run)}-{layout.work_name(burial.task)}",
        reason=burial.reason,
        body=message.to_json(),
        job=burial.job,
        run=burial.run,
        chunk=burial.chunk,
        piece=burial.piece,
        attempt=burial.attempt,
        bad_frames=burial.bad_frames,
        first_failed=burial.first_failed,
        last_failed=burial.last_failed,
    )
    return Buried(blob=deadletter.keep(letter))
