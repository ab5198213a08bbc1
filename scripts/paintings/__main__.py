"""`python -m scripts.paintings [--out FOLDER] [NAME ...]`: makes the paintings of the built-in styles as JPEG files."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.paintings.catalogue import PAINTINGS, save

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.paintings", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PAINTINGS)} (default: all)")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images" / "styles", metavar="FOLDER")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in PAINTINGS]
    if unknown:
        parser.error(f"{unknown[0]!r} is not a painting; there are: {', '.join(PAINTINGS)}")
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.names or PAINTINGS:
        print(save(name, options.out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
