"""The command `quote`: what a job would take, before anything is uploaded."""

from argparse import Namespace
from contextlib import closing
from pathlib import Path
from typing import Any

from rich.console import Console

from client import commands, expectation, report, video_facts
from client.api import FunctionApp
from client.clock import spell
from client.connection import Connection
from client.money import amount
from client.storage import DataStorage, digest_file
from client.submission import Submission
from contracts.quote import Quote, VideoFacts

NO_PRICE = "not known: the app has no price of a node (its settings NODE_PRICE_PER_HOUR, SPOT_PRICE_PER_HOUR)"
PARTS = {"fit": "fitting", "start_up": "start-up", "compile": "compiling", "score": "scoring", "stitch": "stitching"}


def quote(args: Namespace, connection: Connection, console: Console) -> int:
    """Exit code 1 where the job would be refused."""
    wanted, frames = commands.asked(args)
    facts = video_facts.read(args.file)
    with FunctionApp(connection) as app:
        commands.check_style(wanted, app.styles())
        if frames is not None:
            with closing(DataStorage(connection)) as storage:
                wanted = commands.over_base(wanted, frames, args, app, storage, console)
        told = app.quote(_body(wanted, facts))
    if args.json:
        named = {"file": str(args.file), "style": wanted.request.style, "video": facts.model_dump(mode="json")}
        report.print_json(named | told.model_dump(mode="json"))
    else:
        print("\n".join(described(args.file, wanted.request.style, told)))
    return 1 if told.limits else 0


def described(file: Path, style: str | None, told: Quote) -> list[str]:
    """The quote in words, a line for each thing that it tells."""
    figures = told.figures
    by = expectation.by(figures.source, len(figures.measured_jobs))
    pieces = f"{told.chunks} chunks of up to {told.chunk_frames}" if told.chunks > 1 else "one chunk"
    nodes = f"{told.nodes} nodes" if told.nodes > 1 else "one node"
    lines = [
        f"{file.name}: {told.frames} frames of {told.width}x{told.height}{f', style {style}' if style else ''}",
        f"  planned:    {pieces}, on {nodes}",
        f"  expected:   {spell(told.expected_seconds)}, {by}",
    ]
    if told.boot_seconds is not None:
        lines.append(f"  empty pool: {spell(told.boot_seconds)} more, until its first node is there")
    lines.append(f"  node time:  {_minutes(told.node_seconds)} min: {_split(told)}")
    lines.append(f"  price:      {_price(told)}")
    return [*lines, *(f"  refused:    {broken.field}: {broken.problem}" for broken in told.limits)]


def _split(told: Quote) -> str:
    slots = told.figures.workers_per_node
    parts = [(word, getattr(told.seconds, name) / slots) for name, word in PARTS.items()]
    return ", ".join(f"{word} {_minutes(seconds)}" for word, seconds in parts if seconds)


def _minutes(seconds: float) -> str:
    """Two digits that tell: 120, 4.2, 0.042."""
    minutes = seconds / 60
    return f"{minutes:.0f}" if minutes >= 100 else f"{minutes:.1f}" if minutes >= 1 else f"{minutes:.2g}"


def _price(told: Quote) -> str:
    if told.price is None:
        return NO_PRICE
    low, high = amount(told.price.low), amount(told.price.high, told.currency)
    if low == amount(told.price.high):
        return high
    return f"{low} to {high}: cheapest nodes and none lost, to dearest and what lost ones repeat"


def _body(wanted: Submission, facts: VideoFacts) -> dict[str, Any]:
    body: dict[str, Any] = {"request": wanted.body, "video": facts.model_dump(mode="json")}
    if wanted.style_image is not None:
        body["style_sha256"] = digest_file(wanted.style_image).sha256
    return body
