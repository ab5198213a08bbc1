from contracts.job import SCORERS as OFFERED
from gpu_task.scorers import SCORERS


def test_every_scorer_that_a_job_may_ask_for_exists() -> None:
    assert set(OFFERED) == set(SCORERS)
