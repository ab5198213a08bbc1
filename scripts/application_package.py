"""Packs a GPU task for a Batch pool without containers: the application package `gpu_task`.

python -m scripts.application_package FILE.zip [--features FOLDER]

It holds what gpu_task/Dockerfile copies into the image, and two scripts: `install.sh`, the pool's start task, and
`run.sh`, what a task runs. `--features` takes a folder that `python -m gpu_task export-features --out FOLDER` made: the
pretrained layers that fitting needs; without it a node downloads them. How it is used: docs/deploy.md.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from scripts.dockerfile import read_dockerfile
from scripts.image import DOCKERFILE, ROOT, ignored_names, is_ignored

SCRIPTS = Path(__file__).parent / "package"
# The same files make the same package, byte for byte. 1980 is the first year that ZIP knows.
EPOCH = (1980, 1, 1, 0, 0, 0)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.application_package", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("file", type=Path, metavar="FILE.zip")
    parser.add_argument("--features", type=Path, metavar="FOLDER", help="pretrained layers to carry along")
    options = parser.parse_args(arguments)
    if options.features is not None and not options.features.is_dir():
        parser.error(f"--features: {options.features} is no folder; python -m gpu_task export-features makes one")
    size = pack(options.file, options.features)
    print(f"{options.file}: {size / 1e6:.1f} MB")
    return 0


def pack(target: Path, features: Path | None = None) -> int:
    """Write the package; its size in bytes."""
    with ZipFile(target, "w", ZIP_DEFLATED) as package:
        for name, path in sorted(_files(features)):
            package.writestr(_entry(name), path.read_bytes())
    return target.stat().st_size


def _entry(name: str) -> ZipInfo:
    """Readable to all: Batch unpacks it as root, and tasks are another user's."""
    entry = ZipInfo(name, EPOCH)
    entry.compress_type = ZIP_DEFLATED
    entry.external_attr = 0o100644 << 16
    return entry


def _files(features: Path | None) -> Iterator[tuple[str, Path]]:
    """(name in the package, file)."""
    for source in _copied():
        yield from _below(ROOT / source, Path(source).name)
    yield from _below(SCRIPTS, "")
    if features is not None:
        yield from _below(features, "features")


def _copied() -> set[str]:
    """What the image is made of, of this repository."""
    steps = [
        step.text.split()
        for stage in read_dockerfile(DOCKERFILE).values()
        for step in stage.steps
        if step.kind == "COPY"
    ]
    return {source for words in steps if not words[0].startswith("--from=") for source in words[:-1]}


def _below(top: Path, name: str) -> Iterator[tuple[str, Path]]:
    if top.is_file():
        yield name, top
        return
    ignored = ignored_names(ROOT / ".dockerignore")
    for path in top.rglob("*"):
        inner = path.relative_to(top)
        if path.is_file() and not any(is_ignored(part, ignored) for part in inner.parts):
            yield (Path(name) / inner).as_posix(), path


if __name__ == "__main__":
    sys.exit(main())
