import pytest

from contracts import layout


def test_a_task_id_is_a_batch_id_of_at_most_64_characters() -> None:
    assert layout.chunk_task(12345, None, 3) == "c12345-a3"
    assert layout.chunk_task(3, (100, 149), 1) == "c00003-100-149-a1"
    assert len(layout.batch_job("x" * 41, 12)) <= 64


def test_a_rerun_gets_a_batch_job_of_its_own() -> None:
    assert layout.batch_job("job", 1) == "job"
    assert layout.batch_job("job", 2) == "job-r2"


@pytest.mark.parametrize(
    ("blob", "name"),
    [
        ("great-wave.jpg", "great-wave"),
        ("Wave.jpg", None),
        ("a/b.jpg", None),
        ("noextension", None),
        (".jpg", None),
        ("v1.2.png", None),
    ],
)
def test_a_style_is_named_by_its_file(blob: str, name: str | None) -> None:
    assert layout.style_name(blob) == name


def test_the_error_beside_an_upload_fits_even_the_longest_name() -> None:
    assert layout.error_blob("starry-night/a.mp4") == "starry-night/a.mp4.error.json"
    longest = [layout.error_blob("a/" + "é" * 1021 + last) for last in "bc"]
    assert {len(name) for name in longest} == {1024}
    assert len(set(longest)) == 2
    assert all(name.endswith(layout.ERROR_SUFFIX) for name in longest)
