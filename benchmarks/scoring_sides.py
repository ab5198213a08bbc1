"""The sides that `benchmarks.scoring` compares: each does some frames when it is called."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from benchmarks.johnson import JohnsonNetwork
from benchmarks.shipped_example import stylize
from contracts.task_spec import (
    Destinations,
    Execution,
    ModelRef,
    ScorerOptions,
    ScoreSpec,
    SourceRef,
    TaskIdentity,
)
from gpu_task.chunk_frames import ChunkFrames
from gpu_task.compiled import Paint, compiled_painting
from gpu_task.content import photographs
from gpu_task.devices import dtype_name
from gpu_task.painting import make_painting
from gpu_task.pipeline.chunk import run_chunk
from gpu_task.pipeline.encoding import Encoding
from gpu_task.pipeline.scoring import Shown
from gpu_task.precision import score_dtype
from gpu_task.progress import Progress
from gpu_task.scorers.protocol import OverlappingScorer, in_flight
from gpu_task.scorers.style_transfer import StyleTransfer, batch_size, open_network, style_transfer
from gpu_task.steadying import Steadying, threads_beside
from gpu_task.timings import Timings
from media.index import probe
from media.ranged import RangedReader

STYLE = "starry-night"
OURS, JOHNSON = "style network", "Johnson's"
PLAIN = "as it is"
SHIPPED, MODEL, SCORE, TASK, DECODE, ENCODE = "example as shipped", "model", "score", "task", "decode", "encode"


@dataclass(frozen=True)
class Side:
    """One row. `run` does `frames` frames; `accuracy` is the mean difference of its pixels to plain float32, of 255."""

    stage: str
    network: str
    precision: str
    how: str
    frames: int
    run: Callable[[], object]
    prepare_seconds: float | None = None
    accuracy: float | None = None


class Bench:
    """The sides for frames of one size on one device; `task_frames` are those of the clip that a whole task scores."""

    def __init__(self, width: int, height: int, device: torch.device, task_frames: int, folder: Path) -> None:
        torch.manual_seed(0)
        self.width, self.height, self.device, self.folder = width, height, device, folder
        self.networks: dict[str, nn.Module] = {
            OURS: open_network(ModelRef(name=STYLE, sha256=None, builtin=True)).eval(),
            JOHNSON: JohnsonNetwork().eval(),
        }
        self.batch = batch_size(device, width, height)
        picture = Image.fromarray(photographs()[0]).resize((width, height))
        self.picture: NDArray[np.uint8] = np.asarray(picture)
        self.frames = np.repeat(self.picture[None], self.batch, axis=0)  # [B, H, W, 3]
        self.clip = folder / "clip.mp4"
        _write_clip(self.clip, self.picture, task_frames)
        self.task_frames = task_frames
        self._wanted = {name: self._plain(name)() for name in self.networks}

    def sides(self, compiled: bool) -> Iterator[Side]:
        """The slow ones first. Networks are compiled while this is iterated."""
        yield self._shipped()
        for name in (JOHNSON, OURS):
            yield Side(MODEL, name, "float32", PLAIN, self.batch, self._plain(name))
            for is_compiled in (False, True) if compiled else (False,):
                yield self._model(name, is_compiled)
                yield self._score(name, is_compiled)
        yield self._task(compiled)
        yield from self._ends()

    def _shipped(self) -> Side:
        content, out = self.folder / "content.jpg", self.folder / "out.jpg"
        Image.fromarray(self.picture).save(content)
        network = self.networks[JOHNSON].to(self.device)
        assert isinstance(network, JohnsonNetwork)
        return Side(SHIPPED, JOHNSON, "float32", "file by file", 1, lambda: stylize(content, out, network, self.device))

    def _plain(self, name: str) -> Callable[[], NDArray[np.uint8]]:
        """The network as it is, a tensor in and a tensor out, in float32."""
        network = self.networks[name].to(self.device)
        x = torch.from_numpy(self.frames).to(self.device).permute(0, 3, 1, 2).float() / 255

        @torch.inference_mode()
        def run() -> NDArray[np.uint8]:
            painted = network(x).permute(0, 2, 3, 1)[0]
            return painted.mul(255).add(0.5).clamp(0, 255).to(torch.uint8).cpu().numpy()

        return run

    def _model(self, name: str, compiled: bool) -> Side:
        """What a scorer runs on its device, without transfers; on a GPU several batches are queued at once."""
        dtype = score_dtype(self.device, "auto")
        painting = make_painting(self.networks[name], dtype, self.device)
        paint: Paint = compiled_painting(painting, self.frames.shape, self.device) if compiled else painting
        frames = torch.from_numpy(self.frames).to(self.device)
        times = 4 if self.device.type == "cuda" else 1

        @torch.inference_mode()
        def run() -> None:
            for _ in range(times):
                paint(frames, None)
            torch.get_device_module(self.device).synchronize()

        return Side(MODEL, name, dtype_name(dtype), "compiled" if compiled else "eager", times * self.batch, run)

    def _score(self, name: str, compiled: bool) -> Side:
        scorer, seconds = self._scorer(name, compiled)
        difference = scorer.score(self.frames)[0].astype(int) - self._wanted[name]
        several = 2 * in_flight(scorer) if self.device.type == "cuda" else 1

        def run() -> None:
            if not isinstance(scorer, OverlappingScorer):
                scorer.score(self.frames)
                return
            under_way: list[Callable[[], object]] = []
            for _ in range(several):
                if len(under_way) == scorer.in_flight:
                    under_way.pop(0)()
                under_way.append(scorer.start(self.frames))
            for collect in under_way:
                collect()

        how = "compiled" if compiled else "eager"
        frames = several * self.batch
        precision = dtype_name(score_dtype(self.device, "auto"))
        return Side(SCORE, name, precision, how, frames, run, seconds, float(abs(difference).mean()))

    def _task(self, compiled: bool) -> Side:
        scorer, seconds = self._scorer(OURS, compiled)
        spec = self._spec()

        def run() -> None:
            encoding = Encoding(spec, self.folder / "segment.mp4", Timings(time.perf_counter()), Progress(""))
            run_chunk(self._source(spec), scorer, encoding, Steadying(1.0, threads=threads_beside(scorer.device)))

        how, precision = "compiled" if compiled else "eager", dtype_name(score_dtype(self.device, "auto"))
        return Side(TASK, OURS, precision, how, self.task_frames, run, seconds)

    def _ends(self) -> Iterator[Side]:
        """Decoding and encoding alone."""
        spec = self._spec()

        def decode() -> None:
            for _ in self._source(spec):
                pass

        def encode() -> None:
            frames = (Shown(number, "scored", self.picture, 0.0, 0.0) for number in range(self.task_frames))
            path = self.folder / "encoded.mp4"
            Encoding(spec, path, Timings(time.perf_counter()), Progress("")).run(frames)

        yield Side(DECODE, "none", "uint8", "FFmpeg", self.task_frames, decode)
        yield Side(ENCODE, "none", "uint8", "x264", self.task_frames, encode)

    def _scorer(self, name: str, compiled: bool) -> tuple[StyleTransfer, float]:
        """A scorer, and the seconds until it is ready."""
        began = time.perf_counter()
        scorer = style_transfer(self.networks[name], ScorerOptions(), self.device, Execution(compiled=compiled))
        scorer.prepare(self.width, self.height)
        return scorer, time.perf_counter() - began

    def _source(self, spec: ScoreSpec) -> ChunkFrames:
        data = self.clip.read_bytes()
        reader = RangedReader(lambda offset, length: data[offset : offset + length], len(data))
        return ChunkFrames(spec, reader, (self.width, self.height))

    def _spec(self) -> ScoreSpec:
        """A spec of all the clip's frames; nothing of it is reached over a network."""
        nowhere = Destinations(output="", log="", timings="", progress="", results_queue="")
        return ScoreSpec(
            identity=TaskIdentity(job="b", task="b", chunk=0, attempt=1, instance_id="b"),
            source=SourceRef(url="", etag="", size=self.clip.stat().st_size),
            index=probe(self.clip),
            first=0,
            last=self.task_frames - 1,
            scorer="style-transfer",
            model=ModelRef(name=STYLE, sha256=None, builtin=True),
            options=ScorerOptions(),
            to=nowhere,
        )


def _write_clip(path: Path, picture: NDArray[np.uint8], frames: int) -> None:
    """H.264, 25 frames a second, a keyframe each second: the picture passing by."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=25, options={"crf": "18", "preset": "veryfast"})
        stream.height, stream.width = picture.shape[:2]
        stream.pix_fmt, stream.gop_size = "yuv420p", 25
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(np.roll(picture, 3 * number, axis=1), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
