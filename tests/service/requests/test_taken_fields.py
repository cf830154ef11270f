"""Every setting is either taken from requests or set by the server: a new one is in neither list at first."""

from __future__ import annotations

import pytest

from policysearch.child.recipe import Recipe
from policysearch.datasets.config import DataSettings
from policysearch.experiments.calibration.settings import CalibrateSettings
from policysearch.experiments.calibration.settings import TrainingSettings as CalibrationTraining
from policysearch.experiments.evaluation.settings import EvaluateSettings
from policysearch.experiments.evaluation.settings import TrainingSettings as EvaluationTraining
from policysearch.service.request_models.taken import (
    ABOUT,
    RECIPE_REFUSED,
    RECIPE_TAKEN,
    REFUSED,
    TAKEN,
    RecipeRequest,
    closed_model,
)
from policysearch.service.requests import MODELS
from policysearch.service.requests.checks import CHECKS
from policysearch.service.requests.settings import _MEANINGS
from policysearch.study.config import SearchConfig

IN_A_TABLE = {"recipe"}
"""A table of settings of its own, with lists of its own."""
GROUPS = {
    "search": [SearchConfig],
    "calibrate": [CalibrationTraining, DataSettings],
    "evaluate": [EvaluationTraining, DataSettings],
}
"""What the command of each kind takes."""
OF_THE_KIND = {"search": [], "calibrate": [CalibrateSettings], "evaluate": [EvaluateSettings]}


def unlisted(fields: set[str], taken: set[str], refused: set[str]) -> set[str]:
    """Fields in no list, or in both."""
    return (fields - taken - refused) | (taken & refused)


@pytest.mark.parametrize("kind", TAKEN)
def test_every_setting_of_a_command_is_in_one_list(kind):
    fields = {name for group in GROUPS[kind] for name in group.model_fields} - IN_A_TABLE
    assert unlisted(fields, set(TAKEN[kind]), set(REFUSED)) == set()
    assert set(TAKEN[kind]) <= fields


def test_every_setting_of_a_recipe_is_in_one_list():
    assert unlisted(set(Recipe.model_fields), set(RECIPE_TAKEN), set(RECIPE_REFUSED)) == set()
    assert set(RecipeRequest.model_fields) == set(RECIPE_TAKEN)


def test_a_new_setting_would_be_noticed():
    class Later(SearchConfig):
        hook: str = ""

    assert unlisted(set(Later.model_fields) - IN_A_TABLE, set(TAKEN["search"]), set(REFUSED)) == {"hook"}


@pytest.mark.parametrize("kind", MODELS)
def test_a_model_has_what_is_taken_and_what_people_say_of_a_job(kind):
    of_kind = {name for group in OF_THE_KIND[kind] for name in group.model_fields}
    more = {"policy"} if kind == "evaluate" else set()
    assert set(MODELS[kind].model_fields) == {*TAKEN[kind], *ABOUT, "recipe", *of_kind, *more}
    assert not set(MODELS[kind].model_fields) & set(REFUSED)


@pytest.mark.parametrize("kind", MODELS)
def test_every_text_of_a_request_is_checked_or_harmless(kind):
    """A text that names something has a check; these others are words of ours, of people, or of a table's columns."""
    harmless = {"task", "name", "note", "place", "aspect", "background", "image_column", "label_column", "promote"}
    texts = {
        name
        for name, field in MODELS[kind].model_fields.items()
        if "str" in str(field.annotation) or "Literal" in str(field.annotation)
    }
    assert texts - harmless - {"labels"} <= set(CHECKS)


def test_what_becomes_a_path_is_checked_first():
    assert set(_MEANINGS) <= set(CHECKS)


def test_defaults_are_those_of_the_command():
    request = MODELS["search"]()
    config = SearchConfig()
    for name in TAKEN["search"]:
        assert getattr(request, name) == getattr(config, name), name


def test_a_model_is_closed():
    model = closed_model("Any", "search")
    assert model.model_config["extra"] == "forbid" and model.model_config["strict"]
