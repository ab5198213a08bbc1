import pytest
from pydantic import ValidationError

from contracts.fit import EXTRACTORS, RECIPES, FitProgress, ModelChoice

CHOICE = ModelChoice(
    style_sha256="0" * 64, features="patches", recipe="patches-v1", steps=0, style_scale=1.0, size_class=480
)


@pytest.mark.parametrize(
    "text",
    [
        '{"step": -1, "steps": 3}',
        '{"step": 0, "steps": 0}',
        '{"step": 0, "steps": 100000000}',
        '{"step": 1' + "0" * 400 + ', "steps": 3}',
        '{"step": 1, "steps": 3, "style": NaN}',
        '{"step": 1, "steps": 3, "style": Infinity}',
        '{"step": 1, "steps": 3, "content": 1e999}',
        '{"step": 1, "steps": 3, "seconds_left": -1}',
        '{"step": 1, "steps": 3, "job": "../other"}',
    ],
)
def test_progress_that_a_node_cannot_mean_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        FitProgress.model_validate_json(text)


@pytest.mark.parametrize(
    "change",
    [{"style_sha256": "1" * 64}, {"recipe": "patches-v9"}, {"steps": 1}, {"style_scale": 1.5}, {"size_class": 1080}],
)
def test_a_networks_address_changes_with_each_thing_that_decides_it(change: dict[str, object]) -> None:
    assert CHOICE.model_copy(update=change).key != CHOICE.key


def test_every_extractor_has_a_recipe() -> None:
    assert set(RECIPES) == set(EXTRACTORS)
    assert len(set(RECIPES.values())) == len(RECIPES)
