import os
import threading
import time
from pathlib import Path

import pytest

from gpu_task.compiled_folder import CompiledFolderError, compiled_folder, find_or_make, open_folder, whole

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return open_folder(tmp_path / "node" / "compiled") / "64x48-key.pt2"


def write(path: Path) -> None:
    path.write_bytes(b"native code")


def never(path: Path) -> None:
    raise AssertionError(f"{path} is made again")


def test_the_node_says_where() -> None:
    every = {"ATELIER_COMPILED": "/image", "AZ_BATCH_NODE_SHARED_DIR": "/node", "XDG_CACHE_HOME": "/cache"}
    of_a_node = {name: value for name, value in every.items() if name != "ATELIER_COMPILED"}

    assert compiled_folder(every) == Path("/image")
    assert compiled_folder(of_a_node) == Path(f"/node/atelier-compiled-{os.getuid()}")
    assert compiled_folder({"XDG_CACHE_HOME": "/cache"}) == Path("/cache/atelier/compiled")
    assert compiled_folder({}) == Path.home() / ".cache/atelier/compiled"


def test_it_is_made_once(package: Path) -> None:
    assert not find_or_make(package, write)
    assert find_or_make(package, never)
    assert package.read_bytes() == b"native code"


@pytest.mark.parametrize("damage", ["cut off", "other code", "unfinished"])
def test_what_is_not_whole_is_made_again(package: Path, damage: str) -> None:
    find_or_make(package, write)
    if damage == "unfinished":
        package.with_suffix(".sha256").unlink()
    else:
        package.write_bytes(b"native" if damage == "cut off" else b"hostile code")
    assert not whole(package)

    assert not find_or_make(package, write)

    assert package.read_bytes() == b"native code"
    assert whole(package)


def test_a_failure_leaves_nothing_and_the_next_one_tries_again(package: Path) -> None:
    def half(path: Path) -> None:
        path.write_bytes(b"nat")
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        find_or_make(package, half)
    assert {path.suffix for path in package.parent.iterdir()} <= {".lock"}

    assert not find_or_make(package, write)


def test_others_wait_for_the_one_that_makes_it(package: Path) -> None:
    made: list[Path] = []

    def slowly(path: Path) -> None:
        made.append(path)
        time.sleep(0.3)
        write(path)

    others = [threading.Thread(target=find_or_make, args=(package, slowly)) for _ in range(3)]
    for other in others:
        other.start()
    for other in others:
        other.join()

    assert len(made) == 1
    assert whole(package)


def test_a_new_folder_is_for_its_user_alone(package: Path) -> None:
    assert package.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o770, 0o707])
def test_a_folder_that_others_can_write_is_refused(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)

    with pytest.raises(CompiledFolderError, match=r"must not be written by others.*0700.*ATELIER_COMPILED"):
        open_folder(tmp_path)


def test_a_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(CompiledFolderError, match=r"file/inside: no folder"):
        open_folder(tmp_path / "file" / "inside")


def test_a_package_that_can_neither_be_found_nor_made_names_the_remedy(package: Path) -> None:
    package.with_suffix(".lock").mkdir()  # as good as a folder that cannot be written, which root knows nothing of

    with pytest.raises(CompiledFolderError, match=r"64x48-key.pt2 is not there.*python -m gpu_task compile"):
        find_or_make(package, write)
