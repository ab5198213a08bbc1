from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import performance
from benchmarks.performance import load, number, page
from benchmarks.report import RESULTS, Goal, Report, write_report

MACHINE: dict[str, Any] = {"processor": "EPYC", "cpu_flags": "avx512_bf16", "cores": 2, "memory_gib": 24,
                           "gpu": "none", "os": "Debian", "python": "3.13.0", "torch": "2.15"}  # fmt: skip


@pytest.fixture
def scoring() -> Report:
    goals = [Goal("Beside the bare network", "<= 1.05", 1.2, "copies"), Goal("As fast as 2 GPUs", ">= 2", None, "none")]
    rows = [{"variant": "float32", "ms a frame": 183.4}, {"variant": "bfloat16", "ms a frame": 61.04}, {"share": 0.123}]
    return Report("scoring", MACHINE, "2026-11-23", "python -m benchmarks.scoring --runs 3", {"size": "640x360"}, rows,
                  {"bare": 1.2}, goals)  # fmt: skip


def test_goals_come_first_with_what_became_of_them(scoring: Report) -> None:
    text = page({"scoring": scoring})

    assert "| Beside the bare network | <= 1.05 | 1.20 | **not met** | EPYC, 2 cores | copies |" in text
    assert "| As fast as 2 GPUs | >= 2 | - | not measured | EPYC, 2 cores | none |" in text
    assert text.index("**not met**") < text.index("## Scoring")


def test_a_section_names_machine_date_and_command_and_has_a_table_for_each_kind_of_row(scoring: Report) -> None:
    text = page({"scoring": scoring})

    assert "Measured on 2026-11-23 on EPYC (2 cores; avx512_bf16), 24 GiB, no GPU, Debian" in text
    assert "with `python -m benchmarks.scoring --runs 3`: size 640x360." in text
    rows = "| float32 | 183.40 |\n| bfloat16 | 61.04 |\n\n"
    assert "| variant | ms a frame |\n| --- | --- |\n" + rows + "| share |\n| --- |\n| 0.123 |" in text


def test_what_has_no_file_is_said_to_be_missing(scoring: Report) -> None:
    text = page({"scoring": scoring})

    assert "Not measured yet: one_machine, fan_out, stitch, start_up." in text
    assert "Not measured yet: run `python -m benchmarks.fan_out`." in text
    assert "run `python -m benchmarks.scoring`." not in text


def test_without_a_gpu_it_is_said_how_to_measure_on_one(scoring: Report) -> None:
    on_gpu = replace(scoring, name="scoring-h100", machine=MACHINE | {"gpu": "NVIDIA H100, 80 GiB"})

    assert "No GPU was available" in page({"scoring": scoring})
    both = page({"scoring": scoring, "scoring-h100": on_gpu})
    assert "No GPU was available" not in both
    assert "| Beside the bare network | <= 1.05 | 1.20 | **not met** | NVIDIA H100, 80 GiB | copies |" in both
    assert "24 GiB, NVIDIA H100, 80 GiB, Debian" in both


def test_only_files_of_the_sections_are_read(tmp_path: Path) -> None:
    for name in ("stitch", "scoring", "scoring-h100", "start_up_notes"):
        write_report(name, settings={}, results=[], ratios={}, goals=[], folder=tmp_path)
    (tmp_path / "quality.json").write_text("{}")

    assert list(load(tmp_path)) == ["scoring", "scoring-h100", "stitch"]


def test_a_bar_in_a_cell_does_not_end_it(scoring: Report) -> None:
    assert r"a \| b" in page({"scoring": replace(scoring, results=[{"variant": "a | b"}])})


@pytest.mark.parametrize(
    ("value", "text"),
    [(1234567, "1,234,567"), (1234.5, "1,234"), (12.345, "12.35"), (0.01234, "0.0123"), (None, "-"), (True, "yes"),
     ("bf16", "bf16")],
)  # fmt: skip
def test_numbers_are_short(value: Any, text: str) -> None:
    assert number(value) == text


def test_the_page_in_the_docs_is_of_the_committed_results() -> None:
    told = "docs/performance.md is out of date: run python -m benchmarks.performance"

    assert performance.PAGE.read_text() == page(load(RESULTS)), told
