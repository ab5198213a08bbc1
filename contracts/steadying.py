"""How far back a steadied frame looks: what the planner and the program on a node have to agree on.

See `gpu_task.steadying` for what is done.
"""

from contracts.task_spec import ScorerOptions

# A frame is averaged with the one before it, and that with the same of two frames before: four in all.
FRAMES_BEFORE = 3


def frames_before(scorer: str, options: ScorerOptions) -> int:
    """Frames that a frame's pixels depend on besides its own, so those that a chunk has to score before its first."""
    paints = scorer == "style-transfer" and options.strength > 0
    return FRAMES_BEFORE if paints and options.steadiness > 0 else 0
