from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.johnson import JohnsonNetwork
from benchmarks.scoring import NO_GPU, Row, compare, flops_per_frame, goals, matmul_rate, measure
from benchmarks.scoring_sides import DECODE, ENCODE, JOHNSON, MODEL, OURS, PLAIN, SCORE, SHIPPED, TASK, Bench
from benchmarks.shipped_example import stylize

CPU = torch.device("cpu")
pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """Everything once, at a size for ants."""
    return measure(["64x48"], 1, 3, False, CPU)


def test_every_side_has_its_turn(rows: list[Row]) -> None:
    assert [(row["stage"], row["network"]) for row in rows] == [
        (SHIPPED, JOHNSON),
        (MODEL, JOHNSON),
        (MODEL, JOHNSON),
        (SCORE, JOHNSON),
        (MODEL, OURS),
        (MODEL, OURS),
        (SCORE, OURS),
        (TASK, OURS),
        (DECODE, "none"),
        (ENCODE, "none"),
    ]
    assert all(row["frames_per_second"] > 0 for row in rows)
    assert {(row["size"], row["threads"], row["device"]) for row in rows} == {("64x48", 1, "cpu")}


def test_speed_is_told_with_the_accuracy_it_kept(rows: list[Row]) -> None:
    differences = [row["difference_to_float32"] for row in rows if row["stage"] == SCORE]

    assert len(differences) == 2
    assert all(difference <= 1.5 for difference in differences)


def row(stage: str, network: str, rate: float, how: str = "eager") -> Row:
    about = {"size": "640x360", "threads": 1, "device": "cpu", "tflops": rate}
    return {**about, "stage": stage, "network": network, "how": how, "frames_per_second": rate}


def test_ratios_and_goals_are_of_the_sides_that_they_name() -> None:
    rows = [
        row(SHIPPED, JOHNSON, 1),
        row(MODEL, JOHNSON, 2, PLAIN),
        row(MODEL, JOHNSON, 4),
        row(SCORE, JOHNSON, 3),
        row(SCORE, JOHNSON, 5, "compiled"),
        row(MODEL, OURS, 6, PLAIN),
        row(SCORE, OURS, 12),
        row(TASK, OURS, 9),
        row(DECODE, "none", 100),
        row(ENCODE, "none", 10),
    ]

    ratios = compare(rows, 1e13)

    assert ratios == {
        "task_over_example_640x360_1_threads": 9,
        "same_network_over_example_640x360_1_threads": 5,
        "same_network_over_plain_640x360_1_threads": 2.5,
        "style_network_over_plain_640x360_1_threads": 2,
        "task_over_slowest_stage_640x360_1_threads": 0.9,
        "johnson_of_matmul_rate_640x360_1_threads": 0.5,
    }
    told = goals(ratios, gpu=False)
    assert [goal.measured for goal in told] == [9, 2.5, None, None, None]
    assert [goal.met for goal in told] == [True, True, None, None, None]
    assert [goal.why for goal in told[2:]] == [NO_GPU] * 3


def test_a_gpus_goals_are_of_its_own_figures() -> None:
    found = {"task_over_example_1280x720": 21.0, "johnson_of_matmul_rate_1280x720": 0.4}

    assert [goal.met for goal in goals(found, gpu=True)] == [True, False, None]


def test_flops_are_those_of_the_paper(tmp_path: Path) -> None:
    """15.4 GFLOP at 224x224: two for each product."""
    bench = Bench(224, 224, CPU, 1, tmp_path)

    assert flops_per_frame(bench.networks[JOHNSON], bench) == pytest.approx(15.4e9, rel=0.05)


def test_the_example_paints_a_file(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network, content = JohnsonNetwork().eval(), tmp_path / "content.png"
    pixels = np.random.default_rng(0).integers(0, 256, (32, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(content)

    stylize(content, tmp_path / "out.png", network, CPU)

    with torch.inference_mode():
        wanted = network.layers(torch.from_numpy(pixels).permute(2, 0, 1)[None].float())[0].clamp(0, 255)
    painted = np.asarray(Image.open(tmp_path / "out.png"))
    assert np.array_equal(painted, wanted.permute(1, 2, 0).numpy().astype(np.uint8))


def test_the_rate_of_matrix_products_is_a_rate() -> None:
    assert matmul_rate(CPU, side=64, times=2) > 0
