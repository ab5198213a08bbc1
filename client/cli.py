"""The command line: what it takes, and what its exit code means.

0: done, or under way. 1: the job failed, was cancelled, has no result, or (`quote`) would be refused. 2: misuse, or
something cannot be reached. 130: interrupted; a job that was started goes on.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from client import commands, dead_letters, logs, quoting, report
from client.connection import LOCAL_ENDPOINT, resolve
from client.errors import ClientError
from contracts.job import SCORERS

EPILOG = """\
Exit codes: 0 done or under way; 1 the job failed, was cancelled, has no result or would be refused; 2 misuse, or the
app or the storage cannot be reached; 130 interrupted (a job that was started goes on). With --json the last line of
stdout is one JSON object; progress and errors go to stderr. Without --endpoint and --storage: the local stack (`make
up`)."""


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(prog="python -m client", description="Videos in another style.", epilog=EPILOG)
    root.add_argument("--endpoint", metavar="URL", help=f"the Function App ($ATELIER_ENDPOINT; {LOCAL_ENDPOINT})")
    root.add_argument(
        "--storage", metavar="S", help="the data storage: a connection string or an account URL ($ATELIER_STORAGE)"
    )
    root.add_argument("--key", metavar="KEY", help="the app's function key ($ATELIER_KEY)")
    parsers = root.add_subparsers(required=True, metavar="COMMAND")
    _add_submit(parsers)
    _add_quote(parsers)
    _add_fit(parsers)

    status = _add(parsers, "status", commands.status, "where a job is")
    status.add_argument("job", metavar="JOB")
    _add_watch(status)

    retry = _add(parsers, "retry", commands.retry, "run a failed or cancelled job again; what it had finished is kept")
    retry.add_argument("job", metavar="JOB")
    _add_watch(retry)

    listing = _add(parsers, "list", commands.list_jobs, "jobs, newest first")
    listing.add_argument("--top", type=int, default=50, metavar="N", help="at most N (default 50)")

    _add(parsers, "styles", commands.styles, "the styles there are, and what is fitted for them")

    download = _add(parsers, "download", commands.download, "fetch a finished job's video, ledger and provenance")
    download.add_argument("job", metavar="JOB")
    download.add_argument("--out", type=Path, required=True, metavar="DIR")

    cancel = _add(parsers, "cancel", commands.cancel, "stop a job and its GPU tasks")
    cancel.add_argument("job", metavar="JOB")

    purge = _add(
        parsers, "purge", commands.purge, "remove all that is left of a job that is over: result, logs, history"
    )
    purge.add_argument("job", metavar="JOB")
    purge.add_argument("--video", action="store_true", help="the uploaded video too, unless it was replaced since")

    told = _add(parsers, "logs", logs.logs, "what each GPU task of a job did, and its log")
    told.add_argument("job", metavar="JOB")
    told.add_argument("--task", metavar="TASK", help="print its log: c00003-a1, or c00003 for the last attempt")
    told.add_argument("--run", type=int, metavar="N", help="only of this run of the job (default: all)")
    told.add_argument("--out", type=Path, metavar="DIR", help="save all logs, timings per frame and summaries there")
    _add_dead_letters(parsers)
    return root


def _add(
    parsers: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, command: commands.Command, title: str
) -> argparse.ArgumentParser:
    subparser = parsers.add_parser(name, help=title, description=title[0].upper() + title[1:] + ".")
    subparser.add_argument("--json", action="store_true", help="last line of stdout: one JSON object")
    subparser.set_defaults(command=command)
    return subparser


def _add_submit(parsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    submit = _add(parsers, "submit", commands.submit, "upload a video and start its job")
    _add_job(submit)
    _add_watch(submit)


def _add_quote(parsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    title = "what submitting a video would take: time, node minutes, price; nothing is uploaded"
    _add_job(_add(parsers, "quote", quoting.quote, title))


def _add_job(submit: argparse.ArgumentParser) -> None:
    """What says which job it is."""
    submit.add_argument("file", type=Path, metavar="FILE")
    submit.add_argument("--style", metavar="NAME|IMAGE", help="a style's name, or a .jpg or .png file to take it from")
    submit.add_argument("--scorer", choices=SCORERS, default=SCORERS[0], help=f"default {SCORERS[0]}")
    submit.add_argument("--chunk-size", type=int, metavar="FRAMES", help="frames per GPU task (default: planned)")
    submit.add_argument("--max-dimension", type=int, metavar="PIXELS", help="longer side of the result, at most")
    _add_style_scale(submit)
    submit.add_argument("--strength", type=float, metavar="0..1", help="0 is the source, 1 the full style (default)")
    submit.add_argument("--steadiness", type=float, metavar="0..1", help="0 paints each frame by itself (default: 1)")
    submit.add_argument("--keep-color", action="store_true", default=None, help="keep the source's colours")
    submit.add_argument("--max-cost", type=float, metavar="AMOUNT", help="refuse a job that is planned to cost more")
    bad = submit.add_argument_group("frames that cannot be decoded or scored")
    bad.add_argument(
        "--on-bad-frame",
        choices=("fail", "hold", "source"),
        help="fail the job (default), hold the frame before, or pass the source's frame through",
    )
    bad.add_argument("--max-bad-frames", type=int, metavar="N", help="fail with more than N of them (default 1000)")
    bad.add_argument("--max-bad-run", type=int, metavar="N", help="fail with more than N in a row (default 300)")
    part = submit.add_argument_group("a part of a video that is scored already")
    part.add_argument("--frames", metavar="A-B", help="score only these, both included, counted from 0")
    part.add_argument("--base", metavar="JOB", help="take all others from its result (default: the newest of FILE)")
    submit.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="any option, by its name")


def _add_fit(parsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    fit = _add(parsers, "fit", commands.fit, "fit a network to a painting of your own, before any video is scored")
    fit.add_argument("style", metavar="IMAGE|NAME", help="a .jpg or .png file, or the name of an uploaded style")
    fit.add_argument("--video", type=Path, metavar="FILE", help="fit on frames of it (default: on photographs)")
    _add_style_scale(fit)
    fit.add_argument("--max-dimension", type=int, metavar="PIXELS", help="as for submit: a network suits one size")
    fit.add_argument("--watch", action="store_true", help="show progress until the fit has ended")
    fit.set_defaults(out=None)


def _add_style_scale(subparser: argparse.ArgumentParser) -> None:
    subparser.add_argument(
        "--style-scale",
        type=float,
        metavar="FACTOR",
        help="larger or smaller strokes, 0.25 to 4 (default 1); a network is fitted for each",
    )


def _add_dead_letters(parsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    title = "messages and GPU work that were given up"
    archive = parsers.add_parser("deadletter", help=title, description=title[0].upper() + title[1:] + ".")
    actions = archive.add_subparsers(required=True, metavar="ACTION")
    listing = _add(actions, "list", dead_letters.list_letters, "all of them, newest first")
    listing.add_argument("--top", type=int, default=50, metavar="N", help="at most N (default 50)")
    for name, command, does in (
        ("show", dead_letters.show, "one with everything that is known of it"),
        ("replay", dead_letters.replay, "put one on its queue again"),
        ("drop", dead_letters.drop, "delete one"),
    ):
        _add(actions, name, command, does).add_argument("entry", metavar="QUEUE/ID")


def _add_watch(subparser: argparse.ArgumentParser) -> None:
    subparser.add_argument("--watch", action="store_true", help="show progress until the job has ended")
    subparser.add_argument(
        "--out", type=Path, metavar="DIR", help="fetch the result when it is there (implies --watch)"
    )


def main(argv: Sequence[str] | None = None) -> int:
    console = Console(stderr=True, highlight=False)
    args = parser().parse_args(argv)
    try:
        connection = resolve(args.endpoint, args.storage, args.key, os.environ, Path.cwd())
        return args.command(args, connection, console)
    except ClientError as error:
        print(f"error: {error}", file=sys.stderr)
        if args.json:
            report.print_json({"error": str(error)})
        return error.exit_code
    except KeyboardInterrupt:
        return 130
