"""How a job's tasks may run their scorer, by today's settings. The plan decides between these, once per job."""

from contracts.compiling import COMPILING
from contracts.settings import Settings
from contracts.task_spec import Execution


def executions(scorer: str, known: Settings) -> tuple[Execution, ...]:
    """The ways to run it that are worth weighing, uncompiled first: of equals the first is taken."""
    return tuple(
        Execution.model_validate(
            {"precision": known.score_precision, "compiled": compiled, "workers": known.workers_per_task}
        )
        for compiled in _compiled(scorer, known)
    )


def _compiled(scorer: str, known: Settings) -> tuple[bool, ...]:
    if scorer not in COMPILING or known.score_compile == "never":
        return (False,)
    return (True,) if known.score_compile == "always" else (False, True)
