"""Decoding, batching, scoring and encoding of a chunk as stages that overlap, each a thread, joined by bounded
channels; and worker processes that share the scoring.

    channel         a bounded queue between two stages
    stages          threads that stop together
    batches         frames gathered into batches
    scoring         batches to results, in order, several on the device at once
    steady          the stage that steadies them
    encoding        the stage that writes the segment
    chunk           the stages of one chunk joined
    workers         a scorer that is several processes
    worker          one of them; worker_process: as its parent sees it; messages and slots: what passes between
"""
