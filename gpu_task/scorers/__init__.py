"""What turns frames into frames. A scorer is chosen by name; its module is imported only then, so that one which needs
no torch does not wait for it."""

import importlib

from contracts.task_spec import ScoreSpec
from gpu_task.failures import HopelessError
from gpu_task.scorers.protocol import Scorer

# name -> module with a `make(spec) -> Scorer`
SCORERS = {
    "style-transfer": "gpu_task.scorers.style_transfer",
    "identity": "gpu_task.scorers.identity",
}


class UnknownScorerError(HopelessError):
    """A spec names a scorer that this version does not have."""


def make_scorer(spec: ScoreSpec) -> Scorer:
    """The scorer that `spec` asks for, its model loaded and checked.

    Raises:
        UnknownScorerError: no scorer of that name.
        Whatever the scorer raises for its model or options.
    """
    try:
        module = SCORERS[spec.scorer]
    except KeyError:
        raise UnknownScorerError(f"scorer {spec.scorer!r} is not known; there are: {', '.join(SCORERS)}") from None
    return importlib.import_module(module).make(spec)
