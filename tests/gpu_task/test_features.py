"""Extractors on the real path: torchvision's own files under their real names, with weights that are random."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from torchvision.models import squeezenet1_0, vgg19

from gpu_task import features_files
from gpu_task.export_features import last_layer, main
from gpu_task.failures import HopelessError
from gpu_task.features import PRETRAINED, SQUEEZENET, VGG19, Features, PretrainedNetwork, first_layers
from gpu_task.features_files import FOLDER_VARIABLE, WeightsUnavailableError, torchvision_file
from gpu_task.recipes import RECIPES
from tests.gpu_task.conftest import ROOT, TORCHVISION_FILES, random_state

pytestmark = pytest.mark.timeout(120)

REAL_SQUEEZENET = ROOT.parent / "shared" / "weights" / "squeezenet1_0_imagenet.safetensors"
STYLE_AND_CONTENT = (1, 6, 11, 20, 22, 29)  # of VGG19


@pytest.fixture
def image() -> Tensor:
    return torch.rand(1, 3, 64, 48, generator=torch.Generator().manual_seed(1))


def test_vgg19_is_found_under_torchvisions_own_name(cached: Path, image: Tensor) -> None:
    path = cached / "hub" / "checkpoints" / TORCHVISION_FILES["vgg19"]

    extractor = Features(VGG19, STYLE_AND_CONTENT)

    assert torchvision_file(VGG19.weights) == path
    assert extractor.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert {layer: tuple(found.shape[1:]) for layer, found in extractor(image).items()} == {
        1: (64, 64, 48),
        6: (128, 32, 24),
        11: (256, 16, 12),
        20: (512, 8, 6),
        22: (512, 8, 6),
        29: (512, 4, 3),
    }


@pytest.mark.parametrize(("network", "build", "layer"), [(SQUEEZENET, squeezenet1_0, 2), (VGG19, vgg19, 3)])
def test_until_the_first_pooling_it_is_torchvisions_network(
    network: PretrainedNetwork, build: Callable[[], torch.nn.Module], layer: int, cached: Path, image: Tensor
) -> None:
    with torch.device("meta"):
        whole = build().features
    state = {key.removeprefix("features."): value for key, value in random_state(network).items() if "fea" in key}
    whole.load_state_dict(state, assign=True)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))

    found = Features(network, (layer - 1,))(image)[layer - 1]

    assert torch.equal(found, whole[:layer]((image - mean) / std))


def test_pooling_takes_means(cached: Path) -> None:
    extractor = Features(VGG19, (3, 4))
    found = extractor(torch.rand(1, 3, 8, 8))

    assert torch.allclose(found[4], torch.nn.functional.avg_pool2d(found[3], 2))


def test_only_layers_that_are_used_are_built(cached: Path, image: Tensor) -> None:
    assert sum(p.numel() for p in Features(VGG19, (1, 6)).parameters()) < 150_000
    assert all(value.is_meta for value in first_layers(VGG19, 36).state_dict().values())


def test_it_runs_as_far_as_asked(cached: Path, image: Tensor) -> None:
    extractor = Features(VGG19, STYLE_AND_CONTENT)
    ran: list[int] = []
    for index, layer in enumerate(extractor.features):
        layer.register_forward_hook(lambda *_, index=index: ran.append(index))

    whole = extractor(image)
    ran.clear()
    part = extractor(image, last=11)

    assert list(part) == [1, 6, 11]
    assert all(torch.equal(part[layer], whole[layer]) for layer in part)
    assert max(ran) == 11


def test_gradients_reach_the_image_and_no_weights(cached: Path, image: Tensor) -> None:
    extractor = Features(SQUEEZENET, (1, 4))
    image.requires_grad_()

    extractor(image)[4].sum().backward()

    assert image.grad is not None
    assert image.grad.abs().sum() > 0
    assert not any(value.requires_grad for value in extractor.parameters())


@pytest.mark.parametrize("network", PRETRAINED.values(), ids=lambda network: network.name)
def test_missing_weights_stop_the_fit_and_say_what_to_do(network: PretrainedNetwork, no_weights: Path) -> None:
    with pytest.raises(WeightsUnavailableError) as told:
        Features(network, (1, 3))

    for part in (
        str(no_weights),
        TORCHVISION_FILES[network.name],
        "export-features",
        "ATELIER_FEATURES",
        "FIT_FEATURES=patches",
    ):
        assert part in str(told.value)
    assert isinstance(told.value, HopelessError)


def test_a_cached_file_cut_off_is_told(no_weights: Path) -> None:
    path = torchvision_file(VGG19.weights)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PK\x03\x04 cut off")

    with pytest.raises(WeightsUnavailableError, match=r"vgg19-dcbb9e9d\.pth is not there or damaged"):
        Features(VGG19, (1,))


@pytest.fixture(scope="session")
def exported(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `export-features` makes of the cache, run as one would."""
    folder = tmp_path_factory.mktemp("features")
    done = subprocess.run(
        [sys.executable, "-m", "gpu_task", "export-features", "--out", folder],
        cwd=ROOT,
        env={**os.environ, "TORCH_HOME": str(cache), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "vgg19.safetensors: 25.9 MB" in done.stdout
    assert "squeezenet.safetensors: 1.1 MB" in done.stdout
    return folder


@pytest.mark.parametrize("network", PRETRAINED.values(), ids=lambda network: network.name)
def test_an_export_gives_the_same_features_up_to_rounding(
    network: PretrainedNetwork, exported: Path, cached: Path, image: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers = range(last_layer(network.name) + 1)
    whole = Features(network, layers)
    monkeypatch.setenv("TORCH_HOME", "/nowhere")
    monkeypatch.setenv(FOLDER_VARIABLE, str(exported))

    compact = Features(network, layers)

    path = exported / f"{network.name}.safetensors"
    assert compact.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert {value.dtype for value in compact.state_dict().values()} == {torch.float32}
    for layer, wanted in whole(image).items():
        found = compact(image, last=layer)[layer]
        assert (found - wanted).norm() < 1e-3 * wanted.norm()
        assert not torch.equal(found, wanted)  # the export was read, not the cache


def test_an_export_says_what_it_is_and_is_the_same_again(exported: Path, cached: Path, tmp_path: Path) -> None:
    source = cached / "hub" / "checkpoints" / TORCHVISION_FILES["squeezenet"]

    assert main(["--features", "squeezenet", "--out", str(tmp_path), "--from", str(source)]) == 0

    path = tmp_path / "squeezenet.safetensors"
    assert path.read_bytes() == (exported / "squeezenet.safetensors").read_bytes()
    with safe_open(path, "pt") as file:
        about = file.metadata()
    assert (about["features"], about["layers"], about["source"]) == (
        "squeezenet",
        "0..10",
        TORCHVISION_FILES["squeezenet"],
    )
    assert about["source_sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()
    assert not any("classifier" in key for key in load_file(path))


def test_an_export_holds_every_layer_that_a_recipe_looks_at() -> None:
    for recipe in RECIPES.values():
        if recipe.features in PRETRAINED:
            assert max(*recipe.style_layers, recipe.content_layer) <= last_layer(recipe.features)
    assert (last_layer("squeezenet"), last_layer("vgg19")) == (10, 29)


def test_a_folder_without_the_extractor_leaves_torchvisions_file(
    cached: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))

    found = Features(SQUEEZENET, (1,)).sha256

    assert found == hashlib.sha256(torchvision_file(SQUEEZENET.weights).read_bytes()).hexdigest()


def test_weights_next_to_the_code_are_found(
    exported: Path, no_weights: Path, image: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features_files, "SHIPPED", exported)

    assert 1 in Features(SQUEEZENET, (1,))(image)


def test_a_variable_that_names_no_folder_is_told(cached: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, "/no/such/folder")

    with pytest.raises(WeightsUnavailableError, match="ATELIER_FEATURES=/no/such/folder is no folder"):
        Features(SQUEEZENET, (1,))


@pytest.mark.parametrize(
    ("file", "problem"),
    [
        ("other.safetensors", r"does not fit: features\.0\.weight is missing, expected \(96, 3, 7, 7\)"),
        ("none.safetensors", "none.safetensors cannot be read"),
        ("broken.pth", "broken.pth cannot be read"),
    ],
)
def test_weights_that_do_not_fit_are_told(file: str, problem: str, no_weights: Path) -> None:
    save_file({"features.9.weight": torch.zeros(1)}, no_weights / "other.safetensors")
    (no_weights / "broken.pth").write_bytes(b"import os")

    with pytest.raises(WeightsUnavailableError, match=problem):
        Features(SQUEEZENET, (1,), no_weights / file)


def test_export_features_needs_to_know_whose_file_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--out", "x", "--from", "y"])
    assert "--features" in capsys.readouterr().err


@pytest.mark.skipif(not REAL_SQUEEZENET.is_file(), reason=f"needs {REAL_SQUEEZENET}")
def test_rounding_changes_a_real_loss_by_less_than_a_thousandth(tmp_path: Path) -> None:
    from gpu_task.content import photographs
    from gpu_task.losses import PerceptualObjective
    from gpu_task.training import to_tensor

    assert main(["--features", "squeezenet", "--out", str(tmp_path), "--from", str(REAL_SQUEEZENET)]) == 0
    recipe = RECIPES["squeezenet-v4"]
    style, source, output = (to_tensor(photo)[..., :128, :128] for photo in photographs()[:3])
    losses = []
    for path in (REAL_SQUEEZENET, tmp_path / "squeezenet.safetensors"):
        extractor = Features(SQUEEZENET, (*recipe.style_layers, recipe.content_layer), path)
        parts = PerceptualObjective(extractor, style, recipe.style_layers, recipe.content_layer, 0.0)(output, source)
        losses.append(torch.stack([parts.style, parts.content]))

    assert torch.allclose(losses[0], losses[1], rtol=1e-3, atol=0)
    assert not torch.equal(losses[0], losses[1])
