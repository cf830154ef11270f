"""Which settings a request may give, and which are set by the server: one table, without a gap.

A setting that is in neither list is in no request; a test walks all settings and fails where one is in none, so that a
new setting cannot leak into requests, nor be forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import copy
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from policysearch.child.recipe import Recipe
from policysearch.core.settings import Settings
from policysearch.study.config import SearchConfig

_DATA = ("data", "resize", "aspect", "background", "image_column", "label_column", "group", "skip_damaged")
_TRAINING = ("task", "model", "operations", "seed", "validation", "split_seed", "workers", "retries", "deadline")
_SEARCH = (
    *("strategy", "calibrated", "trials", "finalists", "fixed_finalists", "images", "epochs", "reward"),
    *("rungs", "promote", "prune", "confirm", "confirm_images", "confirm_epochs", "confirm_reward", "ablate"),
)

TAKEN: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "search": (*_DATA, "space", *_SEARCH, *_TRAINING),
        "calibrate": (*_DATA, "space", *_TRAINING),
        "evaluate": (*_DATA, "images", "epochs", *_TRAINING),
    }
)
"""Settings of `SearchConfig` that a request of each kind may give, in the order of its form."""

_PLACE = "the place where the job runs decides it"
_CHECKPOINTS = "the server keeps checkpoints of every job, from which a killed one goes on"
_FOLDER = "the server keeps every job in a folder of its own"
_WEIGHTS = "jobs of the service train from random weights: fine-tune with `policysearch search --weights FILE`"

REFUSED: Mapping[str, str] = MappingProxyType(
    {
        "data_root": "paths are the operator's: name a data set that `GET /api/v1/data` lists, or upload one",
        "download": "the server fetches nothing: name a data set that `GET /api/v1/data` lists, or upload one",
        "train": "a training function is called by `policysearch search` and from Python: the server runs none",
        "weights": _WEIGHTS,
        "normalisation": _WEIGHTS,
        "device": _PLACE,
        "pool": _PLACE,
        "ray_address": _PLACE,
        "gpus_per_worker": _PLACE,
        "cpus_per_worker": _PLACE,
        "ray_wait": _PLACE,
        "out": _FOLDER,
        "storage": _FOLDER,
        "study": _FOLDER,
        "checkpoint_every": _CHECKPOINTS,
        "checkpoint_limit": _CHECKPOINTS,
        "tensorboard": "the page of the job has its curves",
    }
)
"""Settings of `SearchConfig` that no request may give, and why."""

RECIPE_REFUSED: Mapping[str, str] = MappingProxyType(
    {
        "compile": "torch.compile runs a compiler on the server for some minutes in every worker",
        "layer_decay": _WEIGHTS,
        "frozen": _WEIGHTS,
    }
)
"""Settings of `Recipe` that no request may give, and why; all others are taken."""

RECIPE_TAKEN = tuple(name for name in Recipe.model_fields if name not in RECIPE_REFUSED)

_DESCRIPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "data": "a data set of the service (`GET /api/v1/data`): a name, or the id of an upload",
        "group": "images that must stay on one side of a split: near (those that look nearly the same), or a column",
        "space": "space of arms: a name (see `policysearch spaces`), or the text of a space file",
        "strategy": "how arms are chosen: NAME, NAME:parameter=number, tpe, optuna:SAMPLER, or PLUGIN:FUNCTION",
        "reward": "what is maximised: a sum of metrics as accuracy-0.5*ece, or PLUGIN:FUNCTION",
        "confirm_reward": "what decides among the finalists, likewise; default: the reward of the search",
        "rewards": "rewards tried, separated by commas, the plainest first; default: accuracy and five others",
        "model": "child network: a name, torchvision:NAME, timm:NAME, or PLUGIN:FUNCTION",
        "operations": "plugins of the operator's that register operations, separated by commas",
        "calibrated": "the id of a calibration that is done: images, epochs and reward are taken from it",
        "also": "ids of further searches that are done, separated by commas; they do not count as fixed policies",
        "workers": "worker processes; default: one, or those of its place",
    }
)
"""What is said of settings that a request may not give in all the ways of the command line."""

LONGEST_SPACE = 65_536
"""Bytes of a space that is sent as text."""
LONGEST = 2_000
"""Characters of any other text."""


class Closed(BaseModel):
    """A part of a request: it takes the fields that it has, of the types that they have."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, protected_namespaces=())


class Described(Closed):
    """What people say of a job, and where it is to run; none of it changes its result."""

    name: Annotated[str, Field(max_length=200, description="what the job is called in lists")] = ""
    note: Annotated[str, Field(max_length=LONGEST, description="what you want to remember of it")] = ""
    labels: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=50)]],
        Field(max_length=20, description="words by which lists are searched"),
    ] = []
    place: Annotated[str, Field(max_length=200, description="where it is to run; default: where it can run first")] = ""


ABOUT = tuple(Described.model_fields)
"""Fields of a request that are no settings."""


def fields_of(group: type[BaseModel], names: Iterable[str]) -> dict[str, Any]:
    """These fields of a group, as `create_model` takes them: same type, bounds, description and default."""
    fields: dict[str, Any] = {}
    for name in names:
        field = copy(group.model_fields[name])
        field.description = _DESCRIPTIONS.get(name, field.description)
        fields[name] = (field.rebuild_annotation(), field)
    return fields


def closed_model(name: str, kind: str, *groups: type[Settings], **more: Any) -> type[Described]:
    """The model of requests of one kind.

    Args:
        name: of the model, as OpenAPI shows it.
        kind: of job, a key of `TAKEN`.
        groups: further groups of settings, all of whose fields are taken.
        more: further fields, as `create_model` takes them.
    """
    fields = fields_of(SearchConfig, TAKEN[kind])
    for group in groups:
        fields |= fields_of(group, group.model_fields)
    # A number is what people write for it, and what a config file holds.
    resize = Field(default=None, description=SearchConfig.model_fields["resize"].description)
    fields["resize"] = (str | int | None, resize)
    fields["recipe"] = (RecipeRequest, RecipeRequest())
    fields["workers"] = (int | None, Field(default=None, ge=1, le=1024, description=_DESCRIPTIONS["workers"]))
    model: type[Described] = create_model(name, __base__=Described, **{**more, **fields})
    return model


RecipeRequest = create_model("RecipeRequest", __base__=Closed, **fields_of(Recipe, RECIPE_TAKEN))
"""How a child is trained, as far as a request may say it."""
