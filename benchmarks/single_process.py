"""What somebody would write instead of a system: one process that decodes, paints and encodes, and copies the audio.

python -m benchmarks.single_process VIDEO STYLE OUT.mp4
"""

import sys
from pathlib import Path
from typing import Any

import av
import torch

from contracts.styles import BUILTIN_STYLES
from contracts.task_spec import EncoderOptions, ModelRef
from gpu_task.model_files import read_model
from gpu_task.network import StyleNetwork


@torch.inference_mode()
def paint(video: Path, style: str, out: Path) -> int:
    """Write `out`; the number of frames."""
    network = StyleNetwork().eval()
    network.load_state_dict(read_model(ModelRef(name=style, sha256=BUILTIN_STYLES[style].sha256, builtin=True)))
    encoder = EncoderOptions()
    frames = 0
    with av.open(str(video)) as source, av.open(str(out), "w", options={"movflags": "faststart"}) as result:
        picture, sounds = source.streams.video[0], source.streams.audio
        picture.thread_type = "AUTO"
        options = {"crf": str(encoder.crf), "preset": encoder.preset}
        painted: Any = result.add_stream("libx264", rate=picture.average_rate, options=options)
        painted.width, painted.height, painted.pix_fmt = picture.width, picture.height, "yuv420p"
        copies = {sound.index: result.add_stream_from_template(sound) for sound in sounds}
        for packet in source.demux(picture, *sounds):
            if packet.stream_index in copies:
                if packet.dts is not None:
                    packet.stream = copies[packet.stream_index]
                    result.mux(packet)
                continue
            for frame in packet.decode():
                rgb = torch.from_numpy(frame.to_ndarray(format="rgb24")).permute(2, 0, 1)[None].float() / 255
                scored = (network(rgb)[0] * 255 + 0.5).clamp(0, 255).to(torch.uint8).permute(1, 2, 0).contiguous()
                image = av.VideoFrame.from_numpy_buffer(scored.numpy(), format="rgb24")
                image.pts, image.time_base = frame.pts, frame.time_base
                result.mux(painted.encode(image))
                frames += 1
        result.mux(painted.encode(None))
    return frames


if __name__ == "__main__":
    print(paint(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])))
