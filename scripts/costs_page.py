"""Fill the tables of docs/costs.md:  python -m scripts.costs_page

Every figure there comes from the functions that the tests hold; a test compares the page with this output. A node's
price is 1 an hour in all of them: amounts are then in node hours, and true whatever the price is.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from contracts.plan import PlanFigures
from contracts.steadying import frames_before
from contracts.task_spec import ScorerOptions
from scripts.machine_costs import Cut, Machine, break_even_speed, cut, shaped
from scripts.pool_costs import (
    Pool,
    break_even_rate,
    cold_share,
    extra_wait_minutes,
    job_cost,
    job_cost_always_on,
    keep_warm_minutes,
    paid_share,
)

PAGE = Path(__file__).parent.parent / "docs" / "costs.md"
# The times are those of docs/deploy.md: Batch looks every 5 minutes at samples a minute old; a boot is in its 5 to 15.
NODE = Pool(price_per_hour=1, job_minutes=10, boot_minutes=8, notice_minutes=3.5)
# One core of an AMD EPYC, 640x360: docs/performance.md, "task, style network, bfloat16, compiled".
CPU_SECONDS_PER_FRAME = 0.092
# An example, not a measurement: half an hour at 25 frames a second on eight GPUs.
FRAMES, GPUS = 45_000, 8
GPU = PlanFigures(
    workers=1,
    start_up_seconds=20,
    seconds_per_frame=0.05,
    node_losses_per_hour=0.5,
    node_price_per_hour=1,
    warm_up=frames_before("style-transfer", ScorerOptions()),
)


def pool_table() -> str:
    """What a minimum of zero costs at some rates, with and without keeping warm, against a node that stays."""
    rows: list[list[str]] = []
    for label, rate in (
        ("one a day", 1 / 24),
        ("one in 8 hours", 1 / 8),
        ("one in 2 hours", 0.5),
        ("1", 1.0),
        ("3", 3.0),
    ):
        zero, warm = NODE, replace(NODE, keep_warm_minutes=15)
        for name, pool in (("0, gone at once", zero), ("0, kept 15 min", warm)):
            cost, share = job_cost(pool, rate), cold_share(pool, rate)
            wait = f"{extra_wait_minutes(pool, rate):.1f} min"
            rows.append([label, name, f"{cost:.2f}", f"{paid_share(pool, rate):.0%}", f"{share:.0%}", wait])
        rows.append([label, "1, always there", f"{job_cost_always_on(NODE, rate):.2f}", "100%", "0%", "0.0 min"])
    return _table(["Jobs an hour", "Minimum", "Node hours a job", "Paid for", "Jobs that wait", "On average"], rows)


def break_even_table() -> str:
    """From which rate on a minimum of one pays, by what waiting is worth."""
    rows: list[list[str]] = []
    for worth in (0, 1, 2, 5, 10, 20, 50):
        pools = [replace(NODE, boot_minutes=boot, waiting_price_per_hour=worth) for boot in (4.0, 8.0, 12.0)]
        rates = ["never" if worth == 0 else f"{break_even_rate(pool):.2g}" for pool in pools]
        rows.append([f"{worth} x" if worth else "nothing", *rates, f"{keep_warm_minutes(pools[1]):.0f} min"])
    boots = [f"Boot {boot} min: jobs an hour" for boot in (4, 8, 12)]
    return _table(["An hour less of waiting is worth, in node hours", *boots, "Keep warm (boot 8 min)"], rows)


def gpu_table() -> str:
    """How fast a GPU node has to be to cost what a CPU node costs a frame."""
    rows: list[list[str]] = []
    for ratio in (1, 2, 4, 8):
        gpu = Machine(price_per_hour=ratio, seconds_per_frame=1)
        limits = [
            1000 * CPU_SECONDS_PER_FRAME / cores / break_even_speed(gpu, Machine(1, CPU_SECONDS_PER_FRAME / cores))
            for cores in (1, 4, 8)
        ]
        rows.append([f"{ratio} x", *(f"{limit:.1f} ms" for limit in limits)])
    cores = [f"CPU node of {count} core{'s' if count > 1 else ''}" for count in (1, 4, 8)]
    return _table(["Price of the GPU node", *cores], rows)


def shape_table() -> str:
    """Eight GPUs, in nodes of one, two, four or eight."""
    rows: list[list[str]] = []
    for per_node in (1, 2, 4, 8):
        found = cut(FRAMES, shaped(GPU, GPUS, per_node))
        rows.append(
            [
                f"{GPUS // per_node} of {per_node}",
                f"{found.chunks} of {found.chunk_frames}",
                f"{found.seconds / 60:.1f} min",
                f"{found.price:.3f}",
                f"{found.loss_chance:.0%}",
                f"{found.frames_lost:.0f}",
                f"{per_node * 15 / 60:.2f}",
            ]
        )
    heads = ["Nodes", "Chunks", "Expected", "GPU hours", "Meets a lost node", "Frames it takes along", "15 min warm"]
    return _table(heads, rows)


def chunk_table() -> str:
    """What a chunk's size does, at two rates of losing nodes."""
    rows: list[list[str]] = []
    quiet, rough = (shaped(GPU.model_copy(update={"node_losses_per_hour": rate}), GPUS, 1) for rate in (0.05, 5.0))
    sizes = [50, 200, 800, 5_625]
    for size in sizes:
        pair = cut(FRAMES, quiet, size), cut(FRAMES, rough, size)
        rows.append([f"{size:,}", *_cells(*pair)])
    chosen = cut(FRAMES, quiet), cut(FRAMES, rough)
    rows.append([f"planned: {chosen[0].chunk_frames:,} and {chosen[1].chunk_frames:,}", *_cells(*chosen)])
    heads = ["Frames a chunk", "0.05 losses an hour: time", "GPU hours", "5 losses an hour: time", "GPU hours"]
    return _table(heads, rows)


def _cells(*cuts: Cut) -> list[str]:
    return [text for one in cuts for text in (f"{one.seconds / 60:.1f} min", f"{one.price:.3f}")]


TABLES = {
    "pool": pool_table,
    "break-even": break_even_table,
    "gpu": gpu_table,
    "shape": shape_table,
    "chunk": chunk_table,
}


def filled(text: str) -> str:
    """The page with every table written anew, between its two marks.

    Raises:
        ValueError: the page lacks a table's marks.
    """
    for name, make in TABLES.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
        if not re.search(f"{begin}.*?{end}", text, re.DOTALL):
            raise ValueError(f"{PAGE.name} lacks {begin.strip()} or {end.strip()}")
        table = begin + make() + end
        text = re.sub(f"{begin}.*?{end}", lambda _, table=table: table, text, flags=re.DOTALL)
    return text


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text()))
