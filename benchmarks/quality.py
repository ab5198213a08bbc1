"""How good our styles are beside Johnson's network, fitted per frame on the same features in the same seconds.

python -m benchmarks.quality --media FOLDER --style starry-night=styles/starry_night.jpg --upload styles/wave.jpg \
    --clips videos/a.mp4 videos/b.mp4 --seconds 200 --jobs 2
python -m benchmarks.quality --table

Built-in styles (`--style NAME=PAINTING`) are taken as they ship, painting as it was fitted to; uploaded ones
(`--upload`) are fitted here as a job would. Paths may be relative to `--media`. A style that the result file has is
skipped unless `--again`; what was fitted is kept in `--work`, so that an interrupted run goes on where it was.
`--table` writes docs/quality.md from the result file.
"""

import argparse
import json
import multiprocessing
import shlex
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from benchmarks.contest import Entry, Terms, measure
from benchmarks.quality_table import page
from contracts.styles import BUILTIN_STYLES
from gpu_task.content import FOLDER as PHOTOGRAPHS
from gpu_task.evaluation.extractors import LAYERS

ROOT = Path(__file__).parents[1]
RESULT = Path(__file__).parent / "results" / "quality.json"
PAGE = ROOT / "docs" / "quality.md"
SHEETS = ROOT / "docs" / "images" / "quality"


def main(arguments: Sequence[str] | None = None) -> int:
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = _parser()
    options = parser.parse_args(given)
    if not options.table:
        if not options.clips or not (options.style or options.upload):
            parser.error("nothing to measure: give --clips, and --style or --upload; or --table alone")
        run(options, shown(given, options.media))
    if not options.result.exists():
        parser.error(f"{options.result}: no result yet; run it without --table first")
    if options.table:
        options.page.write_text(page(json.loads(options.result.read_text()), options.page.parent, options.sheets))
    return 0


def run(options: argparse.Namespace, command: str) -> None:
    """Measures what the result file lacks, `options.jobs` styles at a time, and writes it after each."""
    report = read_report(options.result)
    wanted = entries(options)
    todo = [entry for entry in wanted if options.again or entry.name not in report["styles"]]
    terms = terms_of(options)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(options.jobs, len(todo)) or 1, mp_context=context) as pool:
        running = {pool.submit(measure, entry, terms): entry for entry in todo}
        failed: list[BaseException] = []
        for done in as_completed(running):
            if error := done.exception():
                failed.append(error)  # told at the end: the others' figures are not to be lost
                continue
            report["styles"][running[done].name] = done.result() | {"command": command, "jobs": options.jobs}
            report["styles"] = dict(sorted(report["styles"].items()))
            options.result.parent.mkdir(parents=True, exist_ok=True)
            options.result.write_text(json.dumps(report, indent=1) + "\n")
            print(f"{running[done].name}: in {options.result.name}", file=sys.stderr, flush=True)
    if failed:
        raise failed[0]


def read_report(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.exists() else {"styles": {}}


def entries(options: argparse.Namespace) -> list[Entry]:
    took = {name: float(seconds) for name, seconds in (_split(text, "--fitted") for text in options.fitted)}
    named = (_split(text, "--style") for text in options.style)
    builtin = [Entry(name, found(Path(path), options.media), True, took.get(name)) for name, path in named]
    for entry in builtin:
        if entry.name not in BUILTIN_STYLES:
            raise SystemExit(f"--style {entry.name}: not built in; there are: {', '.join(BUILTIN_STYLES)}")
    uploads = [found(Path(path), options.media) for path in options.upload]
    return [*builtin, *(Entry(path.stem.replace("_", "-"), path, False) for path in uploads)]


def terms_of(options: argparse.Namespace) -> Terms:
    return Terms(
        clips=tuple(found(path, options.media) for path in options.clips),
        content=tuple(found(path, options.media) for path in options.train) or tuple(sorted(PHOTOGRAPHS.glob("*.jpg"))),
        features=options.features,
        weights=options.weights,
        frames=options.frames,
        longer_side=options.longer_side,
        seconds=options.seconds,
        threads=options.threads,
        learning_rate=options.learning_rate,
        work=options.work,
        sheets=options.sheets,
        plain=options.plain,
        steadiness=options.steadiness,
        recipe=options.recipe,
    )


def found(path: Path, media: Path) -> Path:
    """`path` as it is, else in the folder of media."""
    for place in (path, media / path):
        if place.exists():
            return place
    raise SystemExit(f"{path}: no such file here, nor in {media}")


def shown(arguments: Sequence[str], media: Path) -> str:
    """The command as others can repeat it, wherever their media are."""
    words, hidden = (
        ["python", "-m", "benchmarks.quality"],
        {"--media": "MEDIA", "--weights": "WEIGHTS", "--work": "WORK"},
    )
    for before, word in zip(["", *arguments], arguments, strict=False):
        words.append(hidden.get(before) or word.replace(f"{media}/", "MEDIA/"))
    return shlex.join(words)


def _split(text: str, option: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    if not (name and value):
        raise SystemExit(f"{option} {text}: give NAME={'SECONDS' if option == '--fitted' else 'PAINTING'}")
    return name, value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--style", action="append", default=[], metavar="NAME=PAINTING", help="a built-in style")
    parser.add_argument("--fitted", action="append", default=[], metavar="NAME=SECONDS", help="a built-in style's fit")
    parser.add_argument("--upload", action="append", default=[], metavar="PAINTING", help="one that is fitted here")
    parser.add_argument("--clips", type=Path, nargs="+", default=[])
    parser.add_argument("--train", type=Path, nargs="+", default=[], help="default: the photographs that ship")
    parser.add_argument("--media", type=Path, default=Path(), help="folder that paths may be relative to")
    parser.add_argument("--seconds", type=float, help="of each fit here (default: as long as the built-in style's)")
    parser.add_argument("--frames", type=int, default=12, help="of each clip")
    parser.add_argument("--longer-side", type=int, default=640)
    parser.add_argument("--features", choices=sorted(LAYERS), default="squeezenet")
    parser.add_argument("--weights", type=Path, help="file or folder of the extractor's weights")
    parser.add_argument("--learning-rate", type=float, default=1e-3, help="of Johnson's network")
    parser.add_argument("--steadiness", type=float, default=1.0, help="of ours (default: 1, as a job's)")
    parser.add_argument("--recipe", help="of what is fitted here (default: today's)")
    parser.add_argument("--plain", action="store_true", help="Johnson's network only in the classic way")
    parser.add_argument("--threads", type=int, default=1, help="of each style's process")
    parser.add_argument("--jobs", type=int, default=1, help="styles at a time, each in a process of its own")
    parser.add_argument("--work", type=Path, default=ROOT / ".local" / "quality", help="keeps what was fitted")
    parser.add_argument("--again", action="store_true", help="measure what the result file has already, too")
    parser.add_argument("--table", action="store_true", help="only write the page from the result file")
    parser.add_argument("--result", type=Path, default=RESULT)
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--sheets", type=Path, default=SHEETS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
