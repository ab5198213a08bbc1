"""Exact frames in, lossless stitch out. Built on PyAV; knows nothing of where the bytes come from.

probe (index) -> read_frames (reader) -> to_rgb (frames) -> SegmentWriter (segment) -> stitch
-> frame_times_of (verify).
"""
