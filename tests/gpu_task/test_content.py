import numpy as np

from gpu_task.content import FOLDER, photographs


def test_photographs_are_small_and_in_colour() -> None:
    found = photographs()

    assert 6 <= len(found) <= 8
    for photo in found:
        assert photo.dtype == np.uint8
        assert photo.ndim == 3
        assert photo.shape[2] == 3
        assert max(photo.shape) <= 512
        assert min(photo.shape[:2]) >= 256  # a square to train on fits into each
        assert photo.std() > 20


def test_they_come_in_the_same_order_everywhere() -> None:
    first, second = photographs(), photographs()
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_together_they_weigh_little() -> None:
    assert sum(path.stat().st_size for path in FOLDER.glob("*.jpg")) < 400_000


def test_each_has_its_origin_and_a_free_licence() -> None:
    rows = [line for line in (FOLDER / "README.md").read_text().splitlines() if line.startswith("| `")]
    told = {row.split("`")[1]: row for row in rows}

    assert told.keys() == {path.name for path in FOLDER.glob("*.jpg")}
    assert all("CC0" in row or "public domain" in row for row in told.values())
