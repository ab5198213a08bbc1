import hashlib
from collections.abc import Callable

import pytest
from safetensors import safe_open

from contracts.styles import BUILTIN_STYLES
from contracts.task_spec import ModelRef
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
