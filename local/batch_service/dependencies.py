"""Which tasks wait for which, and what an exit code asks for."""

from local.batch_service.records import Task
from local.batch_service.specs import ExitOptions


def depends_on(task: Task) -> list[str]:
    """Lower-cased ids of the tasks this one waits for."""
    dependencies = task.spec.depends_on
    if dependencies is None:
        return []
    ranged = [str(number) for span in dependencies.task_id_ranges for number in range(span.start, span.end + 1)]
    return [name.lower() for name in dependencies.task_ids] + ranged


def is_satisfied(task: Task) -> bool:
    """Whether tasks that wait for this one may run."""
    if task.state != "completed":
        return False
    options = exit_options(task)
    return task.succeeded or (options is not None and options.dependency_action == "satisfy")


def may_run(task: Task) -> bool:
    awaited = (task.job.tasks.get(name) for name in depends_on(task))
    return all(other is not None and is_satisfied(other) for other in awaited)


def exit_options(task: Task) -> ExitOptions | None:
    """What the task's exit conditions say about how it ended."""
    conditions = task.spec.exit_conditions
    if task.exit_code is None:
        return conditions.pre_processing_error or conditions.default
    for exact in conditions.exit_codes:
        if exact.code == task.exit_code:
            return exact.exit_options
    for span in conditions.exit_code_ranges:
        if span.start <= task.exit_code <= span.end:
            return span.exit_options
    return conditions.default
