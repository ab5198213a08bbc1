import ast
import hashlib
import io
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torchvision.models import SqueezeNet1_0_Weights

from contracts.styles import BUILTIN_STYLES
from contracts.task_spec import ModelRef
from gpu_task.features import SQUEEZENET, Features
from gpu_task.features_files import WeightsUnavailableError
from gpu_task.model_files import STYLES, ModelFormatError, ModelHashError, UnknownStyleError, read_model, style_path
from tests.gpu_task.conftest import Storage


def test_the_table_of_built_in_styles_and_their_files_agree() -> None:
    assert {path.stem for path in STYLES.glob("*.safetensors")} == set(BUILTIN_STYLES)
    for name, style in BUILTIN_STYLES.items():
        data = style_path(name).read_bytes()
        assert name == style.name
        assert hashlib.sha256(data).hexdigest() == style.sha256
        assert len(data) < 1_000_000
        with safe_open(style_path(name), "pt") as file:
            assert {"recipe", "features", "steps", "style_sha256", "licence"} <= set(file.metadata())


def test_weights_of_a_url_are_used_if_their_hash_is_right(storage: Storage) -> None:
    data = style_path("starry-night").read_bytes()
    storage.upload("mine.safetensors", data)
    ref = ModelRef(name="mine", sha256=hashlib.sha256(data).hexdigest(), url=storage.url("mine.safetensors", "r"))

    assert read_model(ref).keys() == read_model(ModelRef(name="starry-night", sha256=None, builtin=True)).keys()


def test_weights_are_refused(storage: Storage) -> None:
    junk = b"\x80\x04 a pickle, perhaps"
    storage.upload("junk", junk)
    url, digest = storage.url("junk", "r"), hashlib.sha256(junk).hexdigest()
    refuse: Callable[..., object] = read_model

    with pytest.raises(UnknownStyleError, match=r"'\.\./secret' is not built in; there are: starry-night"):
        refuse(ModelRef(name="../secret", sha256=None, builtin=True))
    with pytest.raises(ModelHashError, match=f"sha256 is {digest}, expected 0000"):
        refuse(ModelRef(name="junk", sha256="0" * 64, url=url))
    with pytest.raises(ModelHashError, match="sha256 is not given"):
        refuse(ModelRef(name="junk", sha256=None, url=url))
    with pytest.raises(ModelFormatError, match="not a safetensors file"):
        refuse(ModelRef(name="junk", sha256=digest, url=url))
    with pytest.raises(ModelFormatError, match="neither builtin nor url"):
        refuse(ModelRef(name="junk", sha256=digest))


class Bomb:
    """What a pickle may do to whoever loads it."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, ...]]:
        return (os.mkdir, (str(self.folder),))

    def __init__(self, folder: Path) -> None:
        self.folder = folder


@pytest.mark.parametrize("form", ["pickle", "torch.save", "torch.save of weights"])
def test_a_pickle_given_as_a_model_is_refused_and_not_run(storage: Storage, tmp_path: Path, form: str) -> None:
    target = tmp_path / "written-by-a-pickle"
    if form == "pickle":
        data = pickle.dumps(Bomb(target))
    else:
        buffer = io.BytesIO()
        torch.save(Bomb(target) if form == "torch.save" else {"weight": torch.zeros(2)}, buffer)
        data = buffer.getvalue()
    storage.upload("pickled", data)
    ref = ModelRef(name="mine", sha256=hashlib.sha256(data).hexdigest(), url=storage.url("pickled", "r"))

    with pytest.raises(ModelFormatError, match=r"model 'mine': not a safetensors file"):
        read_model(ref)
    assert not target.exists()


def test_nothing_here_can_load_a_pickle() -> None:
    """By name: `pickle`, `torch.hub.load_state_dict_from_url` and their like appear nowhere, `torch.load` only with
    `weights_only=True`.

    torchvision's own weights (`gpu_task.features`) come through its `get_state_dict`, which calls `torch.load`; the
    test below holds that to `weights_only`.
    """
    for path in STYLES.parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name for alias in node.names} | {getattr(node, "module", None)}
                if names == {"pickle", "UnpicklingError"}:  # an error's name loads nothing
                    continue
                assert not names & {"pickle", "cPickle", "dill", "joblib", "shelve", "marshal", "cloudpickle"}, path
                assert not (getattr(node, "module", "") == "torch" and "load" in names), path
                assert not (str(getattr(node, "module", "")).startswith("torch.hub")), path
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
                assert "weights_only=True" in [ast.unparse(keyword) for keyword in node.keywords], path
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert f"{node.value.id}.{node.attr}" not in {"numpy.load", "np.load"}, path
                assert node.attr != "load_state_dict_from_url", path


def test_weights_of_torchvision_are_loaded_as_tensors_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file with a pickle in torch hub's cache, even of the right name and hash, runs nothing."""
    target = tmp_path / "written-by-a-pickle"
    cache = tmp_path / "checkpoints"
    cache.mkdir()
    torch.save(Bomb(target), cache / Path(SqueezeNet1_0_Weights.IMAGENET1K_V1.url).name)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))

    with pytest.raises(WeightsUnavailableError, match="Weights only load failed"):
        Features(SQUEEZENET, (3,))

    assert not target.exists()
