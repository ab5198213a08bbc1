"""How good a fitted style is, in figures and to the eye.

clips (frames as a task decodes them) -> painting (the scorer, timed; seams) -> appearance (style and content loss),
motion (flicker) -> figures -> table, sheet.

Errors:
    EvaluationError
        TooFewFramesError       a clip is too short to tell flicker
        NoMotionFoundError      no frame of a clip follows from the one before it
        NotAnExtractorError     features that have no layers to measure with
"""


class EvaluationError(Exception):
    """Base of what makes an evaluation impossible."""
