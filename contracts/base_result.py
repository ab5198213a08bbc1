"""The earlier result that a job takes the frames outside its own range from."""

from pydantic import Field

from contracts.ledger import Ledger
from contracts.model import BatchId, Contract
from contracts.video_index import VideoIndex


class BaseResult(Contract):
    """Blob `jobs/<job>/base.json`: the result of job `base` as it was when the job that reuses it was planned.

    `output` is its video in container `outputs`; `etag` makes every read fail if it was overwritten since. `index` is
    that video's own index, `ledger` what became of its frames.
    """

    base: BatchId
    output: str
    etag: str
    size: int = Field(ge=1)
    index: VideoIndex
    ledger: Ledger
