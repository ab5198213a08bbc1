"""Activity `publish_stitched`: what a node has stitched becomes `outputs/<job>/video.mp4`.

Storage itself copies it, block by block, from the system account to the data account: no byte goes through the app,
and a node never has a right on what users see. The blocks become visible all at once, when their list is committed.
"""

from concurrent.futures import ThreadPoolExecutor

from azure.storage.blob import BlobBlock, BlobClient, ContentSettings

from activities import gpu_tasks, stitched_output
from activities.refusal import JobRefused
from activities.settings import settings
from activities.stitched_output import StitchedOutput, WrongOutput
from activities.storage import data_account, system_account
from contracts import layout
from contracts.steps import Stitched, StitchTaskRef

# Azure takes blocks of up to 4,000 MiB and 50,000 of them; each is one request that is answered when it is copied.
BLOCK = 64 * 1024**2
COPIERS = 4


def publish_stitched(ref: StitchTaskRef) -> Stitched:
    """Copy the verified output of the task, over what an earlier run may have published.

    Raises:
        JobRefused: it is gone or was overwritten since it was verified, or the run was ended.
    """
    try:
        output = stitched_output.find_output(ref, ref.task)
        name = layout.output_blob(ref.job, layout.VIDEO_NAME)
        blob = data_account().container(layout.OUTPUTS).get_blob_client(name)
        blocks = _copy(output, blob)
        # All that was copied is of one version if that is still the one there.
        if stitched_output.find_output(ref, ref.task) != output:
            raise WrongOutput(f"{output.name} was overwritten while it was copied")
    except WrongOutput as error:
        raise JobRefused(f"the result of task {ref.task} cannot be published: {error}") from error
    if gpu_tasks.has_ended(ref.job, ref.run):
        raise JobRefused(f"run {ref.run} of job {ref.job} was ended while its result was being published")
    content = ContentSettings(content_type="video/mp4")
    blob.commit_block_list(blocks, content_settings=content, metadata={"sha256": output.sha256})
    return Stitched(output=name, output_sha256=output.sha256, output_bytes=output.size, audio=output.audio)


def _copy(output: StitchedOutput, blob: BlobClient) -> list[BlobBlock]:
    source = system_account().blob_sas_url(layout.JOBS, output.name, "r", settings().sas_hours)

    def copy(number: int) -> BlobBlock:
        # Named after the version too: two calls at once must not commit each other's blocks.
        block, offset = f"{output.sha256[:16]}-{number:08d}", number * BLOCK
        blob.stage_block_from_url(block, source, offset, min(BLOCK, output.size - offset))
        return BlobBlock(block)

    with ThreadPoolExecutor(COPIERS) as copiers:
        return list(copiers.map(copy, range(-(-output.size // BLOCK))))
