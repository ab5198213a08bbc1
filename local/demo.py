"""`python -m local demo`: the whole system on this machine, once, on a clip; its result in demo-output/."""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.before_after import before_after, moments, survey
from local.errors import LocalStackError
from local.sample_clip import make_sample_clip
from local.state_folder import StateFolder

ROOT = Path(__file__).resolve().parents[1]
# Apart from .local, so that a demo neither meets nor disturbs the jobs of a stack in use.
STATE = ROOT / ".local" / "demo"
DEFAULT_STYLE = "starry-night"
# Azurite, the Functions host and the Batch service start in seconds; a cold disk may take minutes to load Python.
START_SECONDS = 300
STOP_SECONDS = 60
TRACES = STATE / "telemetry" / "traces.jsonl"
TRACE_SECONDS = 30


class DemoError(LocalStackError):
    """`code` is the exit code. What went wrong with the job itself the client has said already."""

    def __init__(self, message: str, code: int = 1) -> None:
        self.code = code
        super().__init__(message)


@dataclass
class Stages:
    """Wall seconds of each stage, in order."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def time(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - began


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("demo", help="restyle a clip with everything on this machine", description=__doc__)
    add_arguments(parser)
    parser.set_defaults(run=run)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--video", type=Path, metavar="FILE", help="default: a six-second sample clip")
    parser.add_argument(
        "--style", default=DEFAULT_STYLE, metavar="NAME|IMAGE", help=f"a style's name or an image ({DEFAULT_STYLE})"
    )
    parser.add_argument("--out", type=Path, default=Path("demo-output"), metavar="DIR", help="default: demo-output")


def run(args: argparse.Namespace) -> int:
    """Exit code 0 only when the result is complete: every frame of the source is in it."""
    # A SIGTERM must stop the stack too, as Ctrl-C does.
    former = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        _demo(args.video, args.style, args.out.resolve())
    except LocalStackError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.code if isinstance(error, DemoError) else 1
    except KeyboardInterrupt:
        print("interrupted; the stack is stopped", file=sys.stderr)
        return 130
    finally:
        signal.signal(signal.SIGTERM, former)
    return 0


def _demo(video: Path | None, style: str, out: Path) -> None:
    stages = Stages()
    if video is not None and not video.is_file():
        raise DemoError(f"--video: there is no file {video}", 2)
    StateFolder(STATE).close()  # raises when a demo is running, before anything of it is touched
    shutil.rmtree(STATE)
    STATE.mkdir(parents=True)
    _empty(out)
    if video is None:
        _say("Making a sample clip")
        video = out / "source.mp4"
        with stages.time("make the clip"):
            make_sample_clip(video)
    _say("Starting the local stack: Azurite, the Functions host, a Batch service with two nodes")
    with stages.time("start the stack"):
        stack = _start_stack()
    try:
        _say(f"Submitting {_shown(video)} in the style {style}")
        with stages.time("upload, score, download"):
            report = _submit(video.resolve(), style, out)
        with stages.time("write the trace"):
            _await_trace(report["job"])
    finally:
        with stages.time("stop the stack"):
            _stop_stack(stack)
    with stages.time("check"):
        verdict = _check(video, out, style)
    _summarise(out, report, verdict, stages)


def _empty(out: Path) -> None:
    """Remove what an earlier demo left, and nothing else."""
    out.mkdir(parents=True, exist_ok=True)
    for name in ("video.mp4", "before-after.png", "ledger.json", "provenance.json", "source.mp4"):
        (out / name).unlink(missing_ok=True)


def _start_stack() -> subprocess.Popen[str]:
    """`python -m local up`, once it has said that it is up. In a session of its own: Ctrl-C reaches it through us."""
    command = [sys.executable, "-m", "local", "up", "--state", str(STATE), "--set", "GUARD_SECONDS=1"]
    with (STATE / "up.log").open("w") as log:
        stack = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True
        )
    assert stack.stdout is not None
    impatience = threading.Timer(START_SECONDS, stack.kill)
    impatience.start()
    try:
        if "Atelier is up" in stack.stdout.readline():
            return stack
    except BaseException:
        _stop_stack(stack)
        raise
    finally:
        impatience.cancel()
    _stop_stack(stack)
    said = (STATE / "up.log").read_text().strip().splitlines()[-5:]
    raise DemoError("\n  ".join([f"the local stack did not start (exit code {stack.returncode}):", *said]))


def _stop_stack(stack: subprocess.Popen[str]) -> None:
    stack.terminate()
    try:
        stack.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        print(f"the local stack did not stop in {STOP_SECONDS} s and was killed", file=sys.stderr)
        stack.kill()
        stack.wait()
    if stack.stdout is not None:
        stack.stdout.close()


def _submit(video: Path, style: str, out: Path) -> dict[str, Any]:
    """Run the client as a user would; its JSON report."""
    endpoints = json.loads((STATE / "endpoints.json").read_text())
    where = {"ATELIER_ENDPOINT": endpoints["functions"], "ATELIER_STORAGE": endpoints["data_storage"]}
    if key := endpoints.get("key"):
        where["ATELIER_KEY"] = key
    style = str(Path(style).resolve()) if "." in style or os.sep in style else style
    command = [sys.executable, "-m", "client", "submit", str(video), "--style", style, "--out", str(out), "--json"]
    client = subprocess.Popen(
        command, cwd=ROOT, env=os.environ | where, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        said, _ = client.communicate()
    except BaseException:
        client.terminate()
        client.wait()
        raise
    report = json.loads(said.splitlines()[-1]) if said.strip() else {}
    if client.returncode == 2:
        raise DemoError("the client could not start or follow the job; it said why above", 2)
    if client.returncode != 0:
        because = f": {report['reason']}" if report.get("reason") else ""
        raise DemoError(f"the job did not finish{because}; logs: {_shown(STATE / 'logs')}")
    return report


def _await_trace(job: str) -> None:
    """A job's trace is written soon after its end, and nobody but we would stop the stack that soon."""
    deadline = time.monotonic() + TRACE_SECONDS
    while not (TRACES.exists() and re.search(rf'"name":"job"[^\n]*"{job}"', TRACES.read_text())):
        if time.monotonic() > deadline:
            print(f"the job's trace was not written within {TRACE_SECONDS} s", file=sys.stderr)
            return
        time.sleep(0.2)


def _check(video: Path, out: Path, style: str) -> str:
    """Decode the result and hold it against the ledger and the source; leave before-after.png. A sentence of praise.

    Raises:
        DemoError: a frame is missing, or is not in the ledger.
    """
    ledger = json.loads((out / "ledger.json").read_text())
    wanted = int(ledger["frame_count"])
    accounted = sum(entry["last"] - entry["first"] + 1 for entry in ledger["entries"])
    before = survey(video, moments(wanted))
    after = survey(out / "video.mp4", moments(wanted))
    if not wanted == accounted == before.frame_count == after.frame_count:
        counts = f"{before.frame_count} in the source, {wanted} in the ledger ({accounted} accounted for)"
        raise DemoError(f"the result is not complete: frames: {counts}, {after.frame_count} in the result")
    before_after(before.pictures, after.pictures, ("source", Path(style).stem)).save(out / "before-after.png")
    sound = "no sound" if before.sound is None else "the sound changed"
    if before.sound is not None and before.sound == after.sound:
        sound = "the sound byte for byte the source's"
    return f"{wanted} frames in, {wanted} out, each accounted for; {sound}"


def _summarise(out: Path, report: dict[str, Any], verdict: str, stages: Stages) -> None:
    scoring = report["phase_seconds"].get("scoring", 0.0)
    rate = f" ({report['frames'] / scoring:.1f} frames/s)" if scoring else ""
    print(f"\nDone: {verdict}.\n")
    for name, seconds in stages.seconds.items():
        print(f"  {name:<28}{seconds:8.1f} s")
        if name.startswith("upload"):
            for phase, part in report["phase_seconds"].items():
                print(f"    {phase:<26}{part:8.1f} s{rate if phase == 'scoring' else ''}")
    print(f"  {'total':<28}{sum(stages.seconds.values()):8.1f} s\n")
    for name in ("video.mp4", "before-after.png", "ledger.json", "provenance.json"):
        print(f"  {_shown(out / name)}")
    print(f"\nThe stack's state and logs: {_shown(STATE)}")
    print(f"As a picture: python -m scripts.timeline {_shown(TRACES)} {_shown(out / 'timeline.png')}")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _shown(path: Path) -> str:
    """Relative to where the user stands, when it is below."""
    path, here = path.resolve(), Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
