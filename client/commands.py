"""The commands, one function each: parsed arguments in, exit code out."""

from argparse import Namespace
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from rich.console import Console

from client import base_job, report, submission
from client.api import FunctionApp, Started, Style
from client.connection import Connection
from client.errors import InvalidInput, JobOutcome
from client.job_state import JobState
from client.progress import job_reporter, transfer
from client.storage import DataStorage, digest_file
from client.submission import Submission
from client.watch import Stopwatch, follow
from contracts.fit import FittedModel
from contracts.frame_runs import FrameRun
from contracts.job import OPTIONS_METADATA_KEY
from contracts.layout import OUTPUTS, STYLES, VIDEOS, style_name
from contracts.status import JobResult

Command = Callable[[Namespace, Connection, Console], int]

FIT_FLAGS = ("style_scale", "max_dimension")
OPTION_FLAGS = (
    *FIT_FLAGS,
    *("chunk_size", "strength", "steadiness", "keep_color", "max_cost"),
    *("on_bad_frame", "max_bad_frames", "max_bad_run"),
)
EXIT_CODES = {"failed": 1, "cancelled": 1}


def submit(args: Namespace, connection: Connection, console: Console) -> int:
    wanted, frames = asked(args)
    with FunctionApp(connection) as app:
        # Asked first, so that an app that is not there, or a misspelt style, costs no upload.
        check_style(wanted, app.styles())
        with closing(DataStorage(connection)) as storage:
            if frames is not None:
                wanted = over_base(wanted, frames, args, app, storage, console)
            _upload(wanted, storage, console)
        return _under_way(app, app.start(wanted.body), args, connection, console)


def asked(args: Namespace) -> tuple[Submission, FrameRun | None]:
    """What `submit` and `quote` are asked for, and the frames where it is only some; checked without the app."""
    options = submission.parse_options(args.option) | {
        name: value for name in OPTION_FLAGS if (value := getattr(args, name)) is not None
    }
    wanted = submission.build(args.file, args.style, args.scorer, options)
    frames = submission.parse_range(args.frames) if args.frames is not None else None
    if args.base is not None and frames is None:
        raise InvalidInput("--base: given without --frames; name the frames to score anew")
    return wanted, frames


def over_base(
    wanted: Submission, frames: FrameRun, args: Namespace, app: FunctionApp, storage: DataStorage, console: Console
) -> Submission:
    """`wanted` for `frames` alone, laid over the result of the job that `--base` names, or of the newest that fits."""
    base = base_job.find(app, storage, args.file, args.base, console)
    assert base.status is not None
    assert base.status.video is not None
    return submission.ranged(wanted, frames, base.job, base.status.video)


def fit(args: Namespace, connection: Connection, console: Console) -> int:
    options = {name: value for name in FIT_FLAGS if (value := getattr(args, name)) is not None}
    wanted = submission.build_fit(args.style, args.video, options)
    with FunctionApp(connection) as app:
        check_style(wanted, app.styles())
        with closing(DataStorage(connection)) as storage:
            _upload(wanted, storage, console)
        return _under_way(app, app.start(wanted.body), args, connection, console)


def retry(args: Namespace, connection: Connection, console: Console) -> int:
    with FunctionApp(connection) as app:
        return _under_way(app, app.retry(args.job), args, connection, console)


def status(args: Namespace, connection: Connection, console: Console) -> int:
    with FunctionApp(connection) as app:
        if args.watch or args.out:
            return _watch(app, args.job, lambda: app.job(args.job), args, connection, console)
        return _tell(app, app.job(args.job), args)


def list_jobs(args: Namespace, connection: Connection, console: Console) -> int:
    with FunctionApp(connection) as app:
        states = app.jobs(args.top)
    if args.json:
        report.print_json({"jobs": [report.as_json(state) for state in states]})
    else:
        report.print_jobs(states)
    return 0


def styles(args: Namespace, connection: Connection, console: Console) -> int:
    with FunctionApp(connection) as app:
        known = app.styles()
    if args.json:
        report.print_json({"styles": [style.told for style in known]})
    else:
        report.print_styles(known)
    return 0


def download(args: Namespace, connection: Connection, console: Console) -> int:
    with FunctionApp(connection) as app:
        state = app.job(args.job)
        if state.result is None:
            because = f" ({state.reason})" if state.reason else ""
            raise JobOutcome(f"job {state.job} is {state.word}: nothing to download{because}")
        return _tell(app, state, args, _fetch(state.result, args.out, connection, console))


def cancel(args: Namespace, connection: Connection, console: Console) -> int:
    with FunctionApp(connection) as app:
        cancelled = app.cancel(args.job)
        if not cancelled:
            raise JobOutcome(f"job {args.job} has ended already: it is {app.job(args.job).word}")
    if args.json:
        report.print_json({"job": args.job, "status": "cancelling"})
    else:
        print(f"{args.job}: being cancelled; its GPU tasks end within seconds")
    return 0


def purge(args: Namespace, connection: Connection, console: Console) -> int:
    with FunctionApp(connection) as app:
        purged = app.purge(args.job, with_video=args.video)
    if args.json:
        report.print_json(purged.model_dump(mode="json"))
    else:
        report.print_purged(purged, with_video=args.video)
    return 0


def check_style(wanted: Submission, known: list[Style]) -> None:
    """Raises: InvalidInput, where the app knows no such style, or cannot do with it what is wanted."""
    request, image, name = wanted.request, wanted.style_image, wanted.request.style
    kinds = {style.name: style.kind for style in known}
    if image is None and name is not None and name not in kinds:
        raise InvalidInput(f"there is no style {name!r}; there are {', '.join(sorted(kinds)) or 'none'}")
    if kinds.get(name or "") != "builtin":
        return
    if image is not None:
        raise InvalidInput(f"{name!r} is a built-in style; rename {image.name} to use your image")
    if request.fit_only:
        raise InvalidInput(f"{name!r} is a built-in style, fitted already: use it with submit FILE --style {name}")
    if request.options.style_scale != 1.0:
        raise InvalidInput(
            f"--style-scale {request.options.style_scale:g}: {name!r} is a built-in style, fitted for its own scale; "
            "leave it out, or give an image of your own with --style"
        )


def _under_way(app: FunctionApp, started: Started, args: Namespace, connection: Connection, console: Console) -> int:
    """Follow a job that was just started, or say how to."""
    if args.watch or args.out:
        return _watch(app, started.job, lambda: app.poll(started.status_url), args, connection, console)
    state = app.poll(started.status_url)
    if not state.has_ended:
        console.print(f"look again with: python -m client status {started.job} --watch", soft_wrap=True)
    return _tell(app, state, args)


def _upload(wanted: Submission, storage: DataStorage, console: Console) -> None:
    if wanted.style_image is not None and wanted.style_blob is not None:
        _check_style_blob(wanted.style_blob, storage.names(STYLES, f"{wanted.request.style}."))
        _upload_one(storage, wanted.style_image, STYLES, wanted.style_blob, {}, console)
    video, blob = wanted.video, wanted.request.video
    if wanted.request.base is None and video is not None and blob is not None:  # a range's video is there already
        metadata = {OPTIONS_METADATA_KEY: wanted.metadata} if wanted.metadata else {}
        _upload_one(storage, video, VIDEOS, blob, metadata, console)


def _check_style_blob(blob: str, present: list[str]) -> None:
    """A style is found by its name alone, so two files of one name would leave open which of them is meant."""
    for other in present:
        if other != blob and style_name(other) is not None:
            raise InvalidInput(f"styles/{other} has the same name as {blob}; rename your image")


def _upload_one(
    storage: DataStorage, path: Path, container: str, blob: str, metadata: dict[str, str], console: Console
) -> None:
    """Upload, unless a blob of that name and the same content is there.

    Such a blob is left alone, whatever its metadata: writing it anew would change its etag, which makes other jobs of
    finished work and fails a job that reads it now. What the user asks for this time goes by HTTP.
    """
    digests = digest_file(path)
    if storage.holds(container, blob, digests):
        console.print(f"{container}/{blob} is there already, with the same content", soft_wrap=True)
        return
    with transfer(console, f"uploading {path} to {container}/{blob}") as progress:
        storage.upload(path, digests, container, blob, metadata, progress)


def _watch(
    app: FunctionApp,
    job: str,
    look: Callable[[], JobState],
    args: Namespace,
    connection: Connection,
    console: Console,
) -> int:
    stopwatch = Stopwatch()
    try:
        with job_reporter(console, job) as reporter:
            state = follow(look, reporter, stopwatch)
    except KeyboardInterrupt:
        console.print(f"\njob {job} goes on; look again with: python -m client status {job} --watch", soft_wrap=True)
        raise
    if state.word == "cancelled":
        state = app.job(job)  # Durable's own status knows nothing of what was spent
    files = _fetch(state.result, args.out, connection, console) if args.out and state.result else []
    return _tell(app, state, args, files, {name: round(seconds, 3) for name, seconds in stopwatch.seconds.items()})


def _fetch(result: JobResult, folder: Path, connection: Connection, console: Console) -> list[Path]:
    """Download what a finished job published: the video last, so that its presence means that all is there.

    Raises:
        JobOutcome: it only fitted a style.
    """
    if result.output is None:
        raise JobOutcome(
            f"job {result.job} only fitted a style: there is no video to fetch; its model is {result.model}"
        )
    published = [(result.ledger, None), (result.provenance, None), (result.output, result.output_sha256)]
    wanted = [(blob, sha256) for blob, sha256 in published if blob is not None]
    storage = DataStorage(connection)
    paths: list[Path] = []
    try:
        for blob, sha256 in wanted:
            path = folder / blob.rsplit("/", 1)[-1]
            with transfer(console, f"downloading {path}") as progress:
                storage.download(OUTPUTS, blob, path, sha256, progress)
            paths.append(path)
    finally:
        storage.close()
    return paths


def _tell(
    app: FunctionApp,
    state: JobState,
    args: Namespace,
    files: list[Path] | None = None,
    seconds: dict[str, float] | None = None,
) -> int:
    model = _fitted(app, state)
    if args.json:
        extra: dict[str, Any] = {"files": [str(path) for path in files or []], "phase_seconds": seconds or {}}
        report.print_json(report.as_json(state) | {"fitted": model and model.model_dump(mode="json")} | extra)
    elif state.only_fitted:
        report.print_fit(state, model, vars(args).get("max_dimension"), vars(args).get("video"))
    else:
        report.print_state(state)
        for path in files or []:
            print(f"  {path}")
    return EXIT_CODES.get(state.word, 0)


def _fitted(app: FunctionApp, state: JobState) -> FittedModel | None:
    """What the app knows of the network of a job that only fitted."""
    if state.result is None or not state.only_fitted:
        return None
    key = state.result.model
    return next((model for style in app.styles() for model in style.models if model.key == key), None)
