"""One worker: frames a second by size and stage, beside PyTorch's own example and the networks as they are.

python -m benchmarks.scoring [--rounds 3] [--sizes 640x360 1280x720] [--task-frames 24] [--no-compile]

Sides take turns, round by round; a row tells the median. On a CPU there are rows for one thread and for all cores, and
networks are compiled for the first size on one thread alone; on a GPU for all. Stages:

    example as shipped  a picture file in, a picture file out, Johnson's network in float32 (benchmarks.shipped_example)
    model               the network alone, on tensors that are on its device: as it is, and as a scorer runs it
    score               a scorer: decoded frames in, painted frames out
    task                decoded, scored, steadied, encoded: all but the way to storage
    decode, encode      those alone

FLOPs are counted by torch.utils.flop_counter on the network as it is written. `memory_mb` is the most that was in use
during a run: the process's, on a GPU the device's. About 5 minutes on one core.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.report import Goal, write_report
from benchmarks.scoring_sides import DECODE, ENCODE, JOHNSON, MODEL, OURS, PLAIN, SCORE, SHIPPED, TASK, Bench, Side
from gpu_task.devices import best_device

NAME = "scoring"
CPU_SIZES, GPU_SIZES = ("640x360", "1280x720"), ("640x360", "1280x720", "1920x1080")
GOAL_SIZE, GPU_GOAL_SIZE = "640x360", "1280x720"
NO_GPU = "no GPU was available; run the same command on one"
GPU_GOALS = (
    ("GPU, 1280x720: the whole task at least 20 times PyTorch's example as shipped", ">= 20"),
    ("GPU, 1280x720: Johnson's network at half the card's measured bfloat16 matmul rate", ">= 0.5"),
    ("GPU, 1280x720: the whole task at 0.9 of the rate of its slowest stage alone", ">= 0.9"),
)

type Row = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> None:
    device = best_device()
    gpu = device.type == "cuda"
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scoring", description=str(__doc__).partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", nargs="+", default=GPU_SIZES if gpu else CPU_SIZES, metavar="WxH")
    parser.add_argument("--task-frames", type=int, default=600 if gpu else 24)
    parser.add_argument("--no-compile", action="store_true")
    options = parser.parse_args(arguments)
    rows = measure(options.sizes, options.rounds, options.task_frames, not options.no_compile, device)
    ratios = compare(rows, matmul_rate(device) if gpu else None)
    name = f"{NAME}-{'-'.join(torch.cuda.get_device_name(device).lower().split())}" if gpu else NAME
    settings = {"rounds": options.rounds, "task_frames": options.task_frames, "style": "starry-night"}
    write_report(name, settings=settings, results=rows, ratios=ratios, goals=goals(ratios, gpu))


def measure(sizes: Sequence[str], rounds: int, task_frames: int, compiled: bool, device: torch.device) -> list[Row]:
    """A row for each side, of each size and number of threads. The number of threads stays as it was."""
    before = torch.get_num_threads()
    counts = [before] if device.type == "cuda" else sorted({1, before})
    rows: list[Row] = []
    try:
        for threads in counts:
            torch.set_num_threads(threads)
            for size in sizes:
                # A CPU's packages are for one number of threads; twenty seconds each.
                worth_it = device.type == "cuda" or (threads == 1 and size == sizes[0])
                width, height = map(int, size.split("x"))
                with tempfile.TemporaryDirectory() as folder:
                    bench = Bench(width, height, device, task_frames, Path(folder))
                    about = {"size": size, "threads": threads, "device": device.type}
                    rows += [about | row for row in _take_turns(bench, compiled and worth_it, rounds)]
    finally:
        torch.set_num_threads(before)
    return rows


def _take_turns(bench: Bench, compiled: bool, rounds: int) -> Iterable[Row]:
    sides = list(bench.sides(compiled))
    for side in sides:
        side.run()
    seconds: list[list[float]] = [[] for _ in sides]
    memory: list[int | None] = [None for _ in sides]
    for _ in range(rounds):
        for number, side in enumerate(sides):
            reset_peak(bench.device)
            began = time.perf_counter()
            side.run()
            seconds[number].append(time.perf_counter() - began)
            memory[number] = peak_bytes(bench.device)
    flops = {name: flops_per_frame(network, bench) for name, network in bench.networks.items()}
    for side, taken, used in zip(sides, seconds, memory, strict=True):
        yield _row(side, statistics.median(taken), used, flops.get(side.network))


def _row(side: Side, seconds: float, memory: int | None, flops: float | None) -> Row:
    rate = side.frames / seconds
    on_device = side.stage in (SHIPPED, MODEL, SCORE)
    return {
        "stage": side.stage,
        "network": side.network,
        "precision": side.precision,
        "how": side.how,
        "frames_per_second": round(rate, 3),
        "ms_per_frame": round(1000 / rate, 2),
        "tflops": round(rate * flops / 1e12, 3) if flops and on_device else None,
        "memory_mb": None if memory is None else round(memory / 1e6),
        "ready_after_s": None if side.prepare_seconds is None else round(side.prepare_seconds, 2),
        "difference_to_float32": None if side.accuracy is None else round(side.accuracy, 3),
    }


def compare(rows: Sequence[Row], matmul: float | None) -> dict[str, float]:
    """How many times one side's frames a second are another's. `matmul`: operations a second of this device."""
    ratios: dict[str, float] = {}
    for size, threads in dict.fromkeys((row["size"], row["threads"]) for row in rows):
        mine = [row for row in rows if (row["size"], row["threads"]) == (size, threads)]

        def best(stage: str, network: str, mine: Sequence[Row] = mine) -> float:
            return max(r["frames_per_second"] for r in mine if r["stage"] == stage and r["network"] == network)

        plain = {r["network"]: r["frames_per_second"] for r in mine if r["how"] == PLAIN}
        shipped, task = best(SHIPPED, JOHNSON), best(TASK, OURS)
        slowest = min(best(DECODE, "none"), best(ENCODE, "none"), best(SCORE, OURS))
        found = {
            "task_over_example": task / shipped,
            "same_network_over_example": best(SCORE, JOHNSON) / shipped,
            "same_network_over_plain": best(SCORE, JOHNSON) / plain[JOHNSON],
            "style_network_over_plain": best(SCORE, OURS) / plain[OURS],
            "task_over_slowest_stage": task / slowest,
        }
        if matmul is not None:
            reached = max(r["tflops"] for r in mine if r["stage"] in (MODEL, SCORE) and r["network"] == JOHNSON)
            found["johnson_of_matmul_rate"] = reached * 1e12 / matmul
        label = f"{size}" if mine[0]["device"] == "cuda" else f"{size}_{threads}_threads"
        ratios |= {f"{name}_{label}": round(ratio, 3) for name, ratio in found.items()}
    return ratios


def goals(ratios: dict[str, float], gpu: bool) -> list[Goal]:
    if gpu:
        names = ("task_over_example", "johnson_of_matmul_rate", "task_over_slowest_stage")
        found = [ratios.get(f"{name}_{GPU_GOAL_SIZE}") for name in names]
        bounds = ("the encoder, once the network is fast", "norms and padding, bound by memory", "x264 on this CPU")
    else:
        found, bounds = [None] * len(GPU_GOALS), [NO_GPU] * len(GPU_GOALS)
    of_gpu = [Goal(*goal, one, why) for goal, one, why in zip(GPU_GOALS, found, bounds, strict=True)]
    if gpu:
        return of_gpu
    one_thread = f"{GOAL_SIZE}_1_threads"
    return [
        Goal(
            "CPU, 640x360, one thread: the whole task at least 8 times PyTorch's example as shipped",
            ">= 8",
            ratios.get(f"task_over_example_{one_thread}"),
            "convolutions in bfloat16; decoding and encoding run beside them",
        ),
        Goal(
            "CPU, 640x360, one thread: Johnson's network in our scorer at least 1.8 times as fast as it is plain",
            ">= 1.8",
            ratios.get(f"same_network_over_plain_{one_thread}"),
            "its 9x9 convolutions from and to three channels use a fraction of the vector units",
        ),
        *of_gpu,
    ]


def flops_per_frame(network: nn.Module, bench: Bench) -> float:
    """Of the network as it is written, at the bench's size."""
    with ExitStack() as stack:
        stack.enter_context(torch.device("meta"))
        counter = stack.enter_context(FlopCounterMode(display=False))
        weights = {name: value.to("meta") for name, value in network.state_dict().items()}
        torch.func.functional_call(network, weights, (torch.empty(1, 3, bench.height, bench.width),))
    return float(counter.get_total_flops())


def matmul_rate(device: torch.device, side: int = 8192, times: int = 20) -> float:
    """Operations a second of a bfloat16 matrix product, [side, side] each."""
    a = torch.randn(side, side, device=device, dtype=torch.bfloat16)
    module = torch.get_device_module(device)
    product = a @ a
    for _ in range(2):
        torch.mm(a, a, out=product)
    module.synchronize()
    began = time.perf_counter()
    for _ in range(times):
        torch.mm(a, a, out=product)
    module.synchronize()
    return 2 * side**3 * times / (time.perf_counter() - began)


def reset_peak(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif (handle := Path("/proc/self/clear_refs")).exists():
        handle.write_text("5")  # Linux: the peak becomes what is in use now


def peak_bytes(device: torch.device) -> int | None:
    """Since `reset_peak`; None where the system does not tell."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), None)


if __name__ == "__main__":
    main()
