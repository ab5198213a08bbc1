"""A job's logs, page by page and piece by piece."""

import pytest

from activities import job_logs
from activities.storage import system_account
from contracts import layout

pytestmark = pytest.mark.usefixtures("fit_accounts")


def leave(job: str, file: str, text: str = "a line\n") -> None:
    system_account().container(layout.LOGS).upload_blob(f"{job}/{file}", text.encode(), overwrite=True)


def test_pages_hold_so_many_entries_and_say_where_to_go_on() -> None:
    for chunk in range(5):
        leave("paged", f"c0000{chunk}-a1-r1.log")
    leave("paged", "summary-r1.csv")
    first = job_logs.list_page("paged", "", 2)
    second = job_logs.list_page("paged", first.next or "", 2)
    third = job_logs.list_page("paged", second.next or "", 2)
    tasks = [entry.task for page in (first, second, third) for entry in page.entries]
    assert tasks == [f"c0000{chunk}-a1" for chunk in range(5)]
    assert (first.next, second.next, third.next) == ("c00001-a1-r1", "c00003-a1-r1", None)
    assert first.summaries == ("summary-r1.csv",)
    assert (first.entries[0].log, first.entries[0].log_bytes, first.entries[0].timings) == ("c00000-a1-r1.log", 7, None)


def test_a_long_file_comes_in_pieces_of_whole_lines_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_logs, "PIECE_BYTES", 70)
    secret = "GET https://x/y?sig=c2VjcmV0 AccountKey=c2VjcmV0\n"
    leave("long", "fit-a1-r1.log", secret * 4 + "ärger")
    text, offset, pieces = "", 0, 0
    while offset is not None:
        found = job_logs.read_piece("long", "fit-a1-r1.log", offset)
        assert found is not None
        text, offset, pieces = text + found[0], found[1], pieces + 1
    assert text == secret.replace("c2VjcmV0", "REDACTED") * 4 + "ärger"
    assert pieces > 2


def test_nothing_past_the_end() -> None:
    leave("short", "fit-a1-r1.log")
    assert job_logs.read_piece("short", "fit-a1-r1.log", 999) == ("", None)


@pytest.mark.parametrize(
    "file", ["../other/fit-a1-r1.log", "x/fit-a1-r1.log", "fit-a1-r1.txt", "", ".", "FIT-a1-r1.log", "fit-a1-r2.log"]
)
def test_only_files_of_that_name_in_that_jobs_folder_are_read(file: str) -> None:
    leave("mine", "fit-a1-r1.log")
    leave("other", "fit-a1-r1.log")
    leave("mine/x", "fit-a1-r1.log")
    leave("mine", "fit-a1-r1.txt")
    assert job_logs.read_piece("mine", file, 0) is None


def test_a_job_is_known_by_what_it_left() -> None:
    leave("left", "fit-a1-r1.log")
    assert job_logs.is_known("left")
    assert not job_logs.is_known("lef")
