"""Every orchestration as a Durable function, under its own name."""

import azure.durable_functions as df

from orchestrations.fan_out import score_group
from orchestrations.guard_run import guard_run
from orchestrations.prepare_model import prepare_model
from orchestrations.score_chunk import score_chunk
from orchestrations.score_video import score_video
from orchestrations.stitching import stitch_on_node

bp = df.Blueprint()

for orchestration in (score_video, prepare_model, score_group, score_chunk, stitch_on_node, guard_run):
    bp.orchestration_trigger(context_name="ctx")(orchestration)
