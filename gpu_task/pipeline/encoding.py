"""The stage that encodes: what is shown into the segment's file."""

import time
from collections.abc import Iterator
from pathlib import Path

from contracts.task_spec import ScoreSpec
from gpu_task.chunk_frames import Fates
from gpu_task.pipeline.scoring import Shown
from gpu_task.progress import Progress
from gpu_task.timings import Timings
from media.frames import output_size
from media.segment import EncoderSettings, SegmentWriter


class Encoding:
    """Writes the chunk that `spec` asks for to `path`, and notes what became of its frames."""

    def __init__(self, spec: ScoreSpec, path: Path, timings: Timings, progress: Progress) -> None:
        self.fates = Fates()
        self.seconds = 0.0
        self._spec, self._path, self._timings, self._progress = spec, path, timings, progress

    def run(self, frames: Iterator[Shown]) -> None:
        """Encodes all `frames` but those of the warm-up. Where taking one raises, the file is removed."""
        spec = self._spec
        size = output_size(spec.index, spec.options.max_dimension)
        settings = EncoderSettings(crf=spec.encoder.crf, preset=spec.encoder.preset)
        with SegmentWriter(self._path, spec.index, spec.first, spec.last, size, settings) as writer:
            for frame in frames:
                start = time.perf_counter()
                if frame.number >= spec.first:
                    writer.write(frame.rgb)
                    self._progress.advance()
                    self.fates.note(frame.number, frame.fate)
                seconds = time.perf_counter() - start
                self._timings.frame(frame.number, frame.decode, frame.score, seconds)
                self.seconds += seconds
            start = time.perf_counter()
        closing = time.perf_counter() - start  # the encoder's last frames, and the file's end
        self._timings.add("encode", closing)
        self.seconds += closing
