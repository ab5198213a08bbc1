"""What fitting a style is expected to take, before it has begun.

The median of the last fits by the same recipe, of as many steps where FIT_STEPS sets them; where there was none, as
long as a fit may take.
"""

from statistics import median

from activities import model_choice, model_records, models
from activities.settings import settings
from contracts.fit import ModelChoice
from contracts.job import StartInput

# Fits of one recipe on one kind of node take the same time; a few tell it.
FITS_AVERAGED = 20


def expected_fit_seconds(start: StartInput) -> float:
    """GPU seconds that fitting the job's style will take, start-up included; 0 where nothing is to be fitted.

    Raises:
        JobRefused: the style's image was deleted or replaced since the job began.
    """
    if not models.needs_fitted(start):
        return 0.0
    return seconds_to_fit(model_choice.choose(start))


def seconds_to_fit(choice: ModelChoice) -> float:
    """The same for a network that is chosen already; 0 where it is there."""
    if models.find_weights(choice.key) is not None:
        return 0.0
    known = settings()
    return known.start_up_seconds + min(_measured(choice) or known.fit_max_seconds, known.fit_max_seconds)


def _measured(choice: ModelChoice) -> float | None:
    alike = [
        record.seconds
        for record in model_records.newest_records()
        if record.recipe == choice.recipe
        and record.seconds > 0
        and record.fitted is not None
        and choice.steps in (0, record.fitted.steps)
    ]
    return median(alike[:FITS_AVERAGED]) if alike else None
