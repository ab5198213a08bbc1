import logging
import time

import pytest

from gpu_task.progress import Progress
from tests.gpu_task.conftest import Storage


@pytest.mark.timeout(60)
def test_the_count_is_written_while_work_goes_on_and_at_its_end(storage: Storage) -> None:
    with Progress(storage.url("progress", "cw"), interval=0.01) as progress:
        progress.advance(3)
        while not storage.exists("progress"):
            time.sleep(0.01)
        assert storage.metadata("progress") == {"frames": "3"}
        progress.advance()

    assert storage.metadata("progress") == {"frames": "4"}


def test_a_count_that_cannot_be_written_is_logged_and_no_more(
    storage: Storage, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), Progress(storage.url("progress-2", "r")) as progress:
        progress.advance(5)

    assert "progress (5 frames) could not be written" in caplog.text
    assert not storage.exists("progress-2")


def test_without_a_last_word_nothing_is_written_at_the_end(storage: Storage) -> None:
    with Progress(storage.url("progress-3", "cw"), last_word=False) as progress:
        progress.advance(7)

    assert not storage.exists("progress-3")
