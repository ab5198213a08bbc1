"""Activity `verify_stitch`: a stitch said it succeeded; is its output the whole video?"""

from activities import stitched_output
from activities.stitched_output import WrongOutput
from activities.storage import system_account
from contracts import layout
from contracts.steps import Check, Verdict
from contracts.video_index import VideoIndex


def verify_stitch(check: Check) -> Verdict:
    """What is wrong with it, if something is. Nothing is published yet."""
    index = system_account().read_json(layout.JOBS, layout.index_blob(check.job), VideoIndex)
    said = check.result
    try:
        output = stitched_output.find_output(check, check.task)
        # The result of a task that said nothing itself names no hash (see inspect_gpu_task).
        if said.output_sha256 not in (None, output.sha256):
            raise WrongOutput(f"{output.name} has the hash {output.sha256}, not {said.output_sha256}")
        stitched_output.check_frames(output, index)
    except WrongOutput as error:
        return Verdict(problem=f"task {check.task} said it succeeded, but {error}")
    return Verdict()
