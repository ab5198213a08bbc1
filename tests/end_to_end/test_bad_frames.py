"""One bad frame costs one frame: real damaged media, and frames that kill their tasks, on a real stack."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from contracts.provenance import Provenance
from media.verify import frame_times_of
from tests.end_to_end.local_stack import LocalStack, make_clip

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning:azure.batch"),
]

NewStack = Callable[..., LocalStack]
FRAMES, GOP = 60, 12
DAMAGED = range(24, 36)  # the third group of pictures


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clips") / "whole.mp4", frames=FRAMES, gop=GOP)


@pytest.fixture(scope="module")
def damaged(whole: Path) -> Path:
    """`whole` with every packet of one group of pictures overwritten by noise; its index is as it was."""
    path = whole.with_name("damaged.mp4")
    content = bytearray(whole.read_bytes())
    noise = random.Random(3)
    with av.open(str(whole)) as container:
        base = container.streams.video[0].time_base
        for packet in container.demux(video=0):
            number = round(packet.pts * base * 30) if packet.pts is not None and base else -1
            if packet.size and number in DAMAGED:
                assert packet.pos is not None
                content[packet.pos : packet.pos + packet.size] = noise.randbytes(packet.size)
    path.write_bytes(content)
    return path


def pictures(path: Path) -> list[NDArray[np.int16]]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24").astype(np.int16) for frame in container.decode(video=0)]


def difference(a: NDArray[np.int16], b: NDArray[np.int16]) -> float:
    """Mean absolute difference, of 255."""
    return float(np.abs(a - b).mean())


def finished(stack: LocalStack, clip: Path, name: str, **options: Any) -> dict[str, Any]:
    stack.upload(clip, f"{name}.mp4")
    job = stack.submit(video=f"{name}.mp4", scorer="identity", options={"chunk_size": 20, **options})
    return stack.wait(job)


def ledger_of(stack: LocalStack, job: str, folder: Path) -> list[tuple[int, int, str, str | None]]:
    entries = json.loads(stack.download(f"{job}/ledger.json", folder / "ledger.json").read_text())["entries"]
    return [(e["first"], e["last"], e["outcome"], e["reason"]) for e in entries]


@pytest.mark.parametrize("by", ["hold", "source"])
def test_a_video_that_is_broken_in_the_middle_completes_and_the_ledger_names_the_frames(
    stack: LocalStack, whole: Path, damaged: Path, tmp_path: Path, by: str
) -> None:
    view = finished(stack, damaged, f"{by}-damaged", on_bad_frame=by)
    assert view["runtimeStatus"] == "Completed", view["output"]

    entries = ledger_of(stack, view["job"], tmp_path)
    bad = [n for first, last, outcome, _ in entries if outcome != "scored" for n in range(first, last + 1)]
    assert bad
    assert set(bad) <= set(DAMAGED)
    assert all("decode" in (reason or "") for _, _, outcome, reason in entries if outcome != "scored")
    assert view["customStatus"]["bad_frames"] == len(bad)
    assert {n for run in view["customStatus"]["bad_runs"] for n in range(run["first"], run["last"] + 1)} == set(bad)

    result = stack.download(view["output"]["output"], tmp_path / "video.mp4")
    assert frame_times_of(result) == frame_times_of(whole)
    shown, intact = pictures(result), pictures(whole)
    assert max(difference(shown[n], intact[n]) for n in range(FRAMES) if n not in DAMAGED) < 4
    if by == "hold":
        assert max(difference(shown[n], shown[min(bad) - 1]) for n in bad if n > min(bad) - 1) < 4


def test_a_video_that_is_broken_in_the_middle_fails_by_default_with_the_frames_and_the_remedy(
    stack: LocalStack, damaged: Path
) -> None:
    view = finished(stack, damaged, "fail-damaged")
    assert view["runtimeStatus"] == "Failed"
    reason = view["customStatus"]["reason"]
    assert "cannot be scored" in reason
    assert "on_bad_frame 'hold' or 'source'" in reason
    letters = stack.system_blobs("deadletter", f"gpu-tasks/{view['job']}")
    assert len(letters) == 1
    letter = json.loads(stack.system.get_blob_client("deadletter", letters[0]).download_blob().readall())
    named = {n for first, last in letter["bad_frames"] for n in range(first, last + 1)}
    assert named
    assert named <= set(DAMAGED)
    assert all(str(n) in reason for n in (min(named), max(named)))


def test_a_frame_that_kills_its_tasks_is_found_and_held_and_every_other_is_scored(
    new_stack: NewStack, whole: Path, tmp_path: Path
) -> None:
    command = "python -m tests.end_to_end.dies_on_frame 29"
    prices = {"NODE_PRICE_PER_HOUR": "3600", "PRICE_CURRENCY": "EUR"}  # 1 a second
    stack = new_stack(nodes=2, settings={"BATCH_TASK_COMMAND": command, "MAX_ATTEMPTS": "1"} | prices)
    view = finished(stack, whole, "deadly", on_bad_frame="hold")
    assert view["runtimeStatus"] == "Completed", view["output"]
    entries = ledger_of(stack, view["job"], tmp_path)
    assert [(first, last) for first, last, outcome, _ in entries if outcome == "held"] == [(29, 29)]
    assert sum(last - first + 1 for first, last, _, _ in entries) == FRAMES
    shown, intact = pictures(stack.download(view["output"]["output"], tmp_path / "video.mp4")), pictures(whole)
    require_every_task_paid_once(stack, view, tmp_path)
    assert difference(shown[29], intact[28]) < 4
    assert max(difference(shown[n], intact[n]) for n in range(FRAMES) if n != 29) < 4


def require_every_task_paid_once(stack: LocalStack, view: dict[str, Any], folder: Path) -> None:
    """At a price of 1 a second: those that died by Batch's times, the others by their own, which are a little less."""
    with stack.batch() as batch:
        tasks = [task.execution_info for task in batch.list_tasks(view["job"])]
    ran = [
        (t.exit_code, (t.end_time - t.start_time).total_seconds()) for t in tasks if t and t.start_time and t.end_time
    ]
    died = [seconds for code, seconds in ran if code]
    status, result = view["customStatus"], view["output"]
    assert len(died) > 1
    assert result["wasted_cost"] == pytest.approx(sum(died), rel=0.01)
    assert sum(died) < result["cost"] <= sum(seconds for _, seconds in ran) * 1.01
    assert (status["cost"], status["wasted_cost"]) == (result["cost"], result["wasted_cost"])
    assert status["currency"] == "EUR"
    told = Provenance.model_validate_json(stack.download(result["provenance"], folder / "provenance.json").read_text())
    assert (told.cost, told.wasted_cost, told.currency) == (result["cost"], result["wasted_cost"], "EUR")
    assert told.wasted_seconds == pytest.approx(told.wasted_cost, abs=0.001)
