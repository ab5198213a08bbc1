"""What the tests of fitting share: settings of a stack whose fits take seconds, and styles to fit."""

from tests.end_to_end.local_stack import LocalStack
from tests.pictures import picture

SETTINGS = {"FIT_FEATURES": "patches", "FIT_STEPS": "3", "GUARD_SECONDS": "1", "NODE_PRICE_PER_HOUR": "3600"}


def upload_style(stack: LocalStack, name: str, seed: int) -> None:
    stack.data.get_blob_client("styles", name).upload_blob(picture("PNG", seed=seed))
