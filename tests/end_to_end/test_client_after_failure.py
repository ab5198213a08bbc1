"""After a failure, with the client alone: what was given up, and the ways on."""

import json
from pathlib import Path

import pytest

from tests.end_to_end.client_program import client
from tests.end_to_end.local_stack import LocalStack, make_clip

pytestmark = pytest.mark.timeout(300)


def test_a_failed_job_is_found_among_the_dead_letters_and_its_letter_dropped(stack: LocalStack, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "client-damaged.mp4", frames=36, gop=12, sound=False)
    data = bytearray(clip.read_bytes())
    middle = data.index(b"mdat") + (len(data) - data.index(b"mdat")) // 2
    data[middle : middle + 1_500] = bytes(1_500)
    clip.write_bytes(data)

    code, failed, _ = client(stack, "submit", str(clip), "--scorer", "identity", "--watch")
    assert (code, failed["status"]) == (1, "failed")
    assert "cannot be scored" in failed["reason"]

    _, listed, _ = client(stack, "deadletter", "list")
    (letter,) = [entry for entry in listed["entries"] if entry["job"] == failed["job"]]
    name = f"{letter['queue']}/{letter['entry']}"
    assert letter["bad_frames"]
    _, shown, _ = client(stack, "deadletter", "show", name)
    assert json.loads(shown["body"])["job"] == failed["job"]
    assert shown["first_failed"] <= shown["last_failed"]

    code, refused, _ = client(stack, "deadletter", "replay", name)
    assert code != 0
    assert "retry" in refused["error"]
    code, again, _ = client(stack, "retry", failed["job"], "--watch")
    assert (code, again["status"]) == (1, "failed")  # the video is as it was

    assert client(stack, "deadletter", "drop", name)[0] == 0
    code, _, told = client(stack, "deadletter", "show", name)
    assert code == 2
    assert name in told


def test_a_finished_job_cannot_be_retried_and_one_that_is_not_there_is_named(stack: LocalStack, clip: Path) -> None:
    code, finished, _ = client(stack, "submit", str(clip), "--scorer", "identity", "--watch")
    assert (code, finished["status"], finished["bad_frames"]) == (0, "finished", 0)
    code, refused, _ = client(stack, "retry", finished["job"])
    assert code == 1
    assert "finished" in refused["error"]
    assert client(stack, "retry", "no-such-job")[0] == 2
