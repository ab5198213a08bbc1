"""A GPU task up to its first scored frame, with the program's own modules; storage alone is left out.

python -m benchmarks.first_frame SPEC.json

The spec's source is a path. Prints the time of day at the end of each stage: the interpreter is up, the imports are
done, the spec is read, the model is ready (torch is imported for it), the first frame is scored.
"""

import time

UP = time.time()

import sys  # noqa: E402 (the interpreter's time ends before the imports begin)
from pathlib import Path  # noqa: E402

from contracts.task_spec import task_spec_adapter  # noqa: E402
from gpu_task import program, score_task  # noqa: E402, F401
from gpu_task.chunk_frames import ChunkFrames  # noqa: E402
from media.frames import output_size  # noqa: E402
from media.ranged import RangedReader  # noqa: E402

IMPORTED = time.time()


def first_frame(path: Path) -> tuple[float, float, float]:
    """When the spec was read, the model ready and the first frame scored."""
    spec = task_spec_adapter.validate_json(path.read_bytes())
    read = time.time()
    assert spec.kind == "score"
    scorer = score_task.prepare_scorer(spec)
    ready = time.time()
    data = Path(spec.source.url).read_bytes()
    source = RangedReader(lambda offset, length: data[offset : offset + length], len(data))
    frame = next(iter(ChunkFrames(spec, source, output_size(spec.index, spec.options.max_dimension))))
    assert frame.rgb is not None
    assert scorer.score(frame.rgb[None]).shape == (1, *frame.rgb.shape)
    return read, ready, time.time()


if __name__ == "__main__":
    print(UP, IMPORTED, *first_frame(Path(sys.argv[1])))
