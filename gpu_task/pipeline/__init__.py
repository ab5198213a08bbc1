"""Decoding, batching, scoring and encoding of a chunk as stages that overlap, each a thread, joined by bounded
channels; and worker processes that share the scoring.

    channel         a bounded queue between two stages
    stages          threads that stop together
    batches         frames gathered into batches
    scoring         batches to results, in order, several on the device at once
    chunk           the stages of one chunk joined
    workers         a scorer that is several processes; worker: one of them; slots: the memory they share
"""
