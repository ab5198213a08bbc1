"""The tag of the GPU task's image: a digest of the files it is built from, so that the same files give the same tag.

python3 infra/hooks/image_tag.py [folder of the repository]
"""

import hashlib
import sys
from pathlib import Path

# What gpu_task/Dockerfile copies, and itself.
SOURCES = ("gpu_task", "media", "contracts", "constraints.txt")
LEFT_OUT = {"__pycache__"}
# Registries take 128 characters; these tell 2^64 images apart.
LENGTH = 16


def image_tag(root: Path) -> str:
    digest = hashlib.sha256()
    for path in _files(root):
        name, content = path.relative_to(root).as_posix().encode(), path.read_bytes()
        # Lengths keep a file's end from passing for the next one's beginning.
        digest.update(b"%d %d " % (len(name), len(content)))
        digest.update(name + content)
    return digest.hexdigest()[:LENGTH]


def _files(root: Path) -> list[Path]:
    roots = [root / source for source in SOURCES]
    found = [path for top in roots for path in (top, *top.rglob("*")) if path.is_file()]
    return sorted(path for path in found if not LEFT_OUT.intersection(path.parts))


if __name__ == "__main__":
    print(image_tag(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2]))
