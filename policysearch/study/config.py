"""The configuration of a search: one validated value, from a file, from flags, or from Python."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, TypeVar

import tomli_w
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from policysearch.child.recipe import Recipe
from policysearch.core.errors import UserError, unknown_name
from policysearch.core.files import write_whole
from policysearch.datasets.config import DataSettings
from policysearch.policy.validation import validation_message

Settings = TypeVar("Settings", bound=BaseModel)

CONFIRMING = frozenset({"confirm", "finalists", "confirm_images", "confirm_epochs", "confirm_reward"})
"""Settings of a search's confirmation, which nothing else has."""
UNCONFIRMED: Mapping[str, int | None] = MappingProxyType(
    {"confirm": 0, "confirm_images": None, "confirm_epochs": None, "confirm_reward": None}
)
"""These settings where nothing is confirmed, whatever a config file says of them."""


class SearchConfig(DataSettings):
    """Everything that determines a search. With the same config and one worker a search is repeated exactly."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: Annotated[str, Field(description="child network: a name, torchvision:NAME, timm:NAME or MODULE:FACTORY")] = (
        "small-resnet"
    )
    space: Annotated[str, Field(description="space of arms: a name (see `policysearch spaces`) or PATH.toml")] = (
        "default"
    )
    operations: Annotated[
        str | None,
        Field(description="modules that register operations of your own: MODULE or PATH.py, separated by commas"),
    ] = None
    strategy: Annotated[
        str,
        Field(description="how arms are chosen, NAME or NAME:parameter=value (see `policysearch strategies`)"),
    ] = "ucb"
    reward: Annotated[str, Field(description="what is maximised, as accuracy-0.5*ece (see `policysearch rewards`)")] = (
        "accuracy"
    )
    calibrated: Annotated[
        str | None,
        Field(description="calibration.toml, or its folder: `search` takes images, epochs and reward from it"),
    ] = None
    trials: Annotated[int, Field(ge=1, description="pulls of the search")] = 40
    images: Annotated[int, Field(ge=1, description="training images of a pull")] = 500
    epochs: Annotated[int, Field(ge=1, description="epochs of a pull")] = 80
    rungs: Annotated[
        int,
        Field(ge=2, le=8, description="fidelities of successive-halving and hyperband: images, images/eta, ..."),
    ] = 3
    confirm: Annotated[int, Field(ge=0, description="fresh replicates on which the finalists are trained again")] = 4
    finalists: Annotated[int, Field(ge=1, le=20, description="arms confirmed, beside the four fixed policies")] = 4
    confirm_images: Annotated[
        int | None, Field(ge=1, description="training images of a confirming pull; default: as in the search")
    ] = None
    confirm_epochs: Annotated[
        int | None, Field(ge=1, description="epochs of a confirming pull; default: as in the search")
    ] = None
    confirm_reward: Annotated[
        str | None, Field(description="what decides among the finalists; default: the reward of the search")
    ] = None
    workers: Annotated[
        int | None,
        Field(
            ge=0,
            le=1024,
            description="worker processes; 0 trains in this process; default: one a core up to 8 on CPU, 2 on a GPU, "
            "with ray as many as the cluster has room for",
        ),
    ] = None
    pool: Annotated[str, Field(description="where children are trained: local (this machine) or ray")] = "local"
    ray_address: Annotated[
        str | None,
        Field(description="Ray cluster to join, auto or HOST:PORT; default: Ray is started on this machine"),
    ] = None
    gpus_per_worker: Annotated[
        float | None,
        Field(ge=0, le=64, description="share of a GPU each Ray worker asks for; default: 0 on CPU, 0.5 on a GPU"),
    ] = None
    cpus_per_worker: Annotated[
        float | None,
        Field(gt=0, le=1024, description="logical CPUs each Ray worker asks for; default: 1"),
    ] = None
    ray_wait: Annotated[
        float, Field(gt=0, description="seconds to wait for the Ray cluster to have room for the workers")
    ] = 60.0
    device: Annotated[str, Field(description="auto, cpu, cuda or cuda:N")] = "auto"
    seed: Annotated[int, Field(ge=0, lt=2**63, description="the study's seed")] = 0
    retries: Annotated[int, Field(ge=0, le=100, description="further attempts for a child that failed")] = 1
    deadline: Annotated[float, Field(gt=0, description="seconds a child may take (needs workers of their own)")] = (
        3600.0
    )
    validation: Annotated[
        int | None,
        Field(ge=2, description="validation images cut from train; default: a third, at most 5,000"),
    ] = None
    split_seed: Annotated[int, Field(ge=0, lt=2**63, description="seed of the train/validation split")] = 0
    storage: Annotated[
        str | None,
        Field(
            repr=False,  # it may hold a password
            description="Optuna storage URL, as postgresql://user@host/database; default: study.db in the run's folder",
        ),
    ] = None
    study: Annotated[str | None, Field(description="the study's name in its storage; default: the folder's name")] = (
        None
    )
    out: Annotated[str | None, Field(description="the run's folder; default: results/search-DATE-TIME")] = None
    tensorboard: Annotated[
        bool, Field(description="write every pull's figures for TensorBoard, into the run's folder as it goes")
    ] = False
    recipe: Recipe = Recipe()

    @property
    def last_reward(self) -> str:
        """What decides among the finalists."""
        return self.confirm_reward or self.reward

    @property
    def last_fidelity(self) -> tuple[int, int]:
        """(images, epochs) of a confirming pull."""
        return self.confirm_images or self.images, self.confirm_epochs or self.epochs


def make_config(values: dict[str, Any], source: str = "settings") -> SearchConfig:
    """Validate settings.

    Raises:
        UserError: unknown key (the nearest are told) or a value out of range.
    """
    if not isinstance(values.get("recipe", {}), dict):
        raise UserError(f"{source}: recipe must be a table of settings, got {values['recipe']!r}")
    for given, known in ((values, SearchConfig), (values.get("recipe"), Recipe)):
        for key in given if isinstance(given, dict) else ():
            if key not in known.model_fields:
                raise UserError(f"{source}: {unknown_name('key', str(key), known.model_fields)}")
    return validated(SearchConfig, values, source)


def validated(model: type[Settings], values: dict[str, Any], source: str = "settings") -> Settings:
    """A model of these values.

    Raises:
        UserError: a value is out of range.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise UserError(f"{source}: {validation_message(error)}") from None


def read_config(path: str | Path) -> dict[str, Any]:
    """Settings from a TOML or YAML file, not yet validated.

    Raises:
        UserError: the file cannot be read or parsed, or holds no table of settings.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"cannot read config file {str(path)!r}: {reason}") from None
    yaml_file = Path(path).suffix in (".yaml", ".yml")
    try:
        values = yaml.safe_load(text) if yaml_file else tomllib.loads(text)
    except (yaml.YAMLError, tomllib.TOMLDecodeError) as error:
        kind = "YAML" if yaml_file else "TOML"
        raise UserError(f"config file {str(path)!r} is not {kind}: {_place(error)}") from None
    if not isinstance(values, dict):
        raise UserError(f"config file {str(path)!r} holds no settings, such as trials = 60")
    return values


def _place(error: Exception) -> str:
    """What is wrong and where, without the line itself: it may hold a storage's password."""
    mark = getattr(error, "problem_mark", None)
    return " ".join(str(error).split()) if mark is None else f"{error.problem} (line {mark.line + 1})"  # type: ignore[attr-defined]


def load_config(path: str | Path) -> SearchConfig:
    """A validated config from a TOML or YAML file.

    Raises:
        UserError: as `read_config` and `make_config`.
    """
    return make_config(read_config(path), f"config file {str(path)!r}")


def save_config(config: SearchConfig, path: Path) -> None:
    """Write the config as TOML, settings that are None left out; the file is replaced at once."""
    write_whole(path, tomli_w.dumps(config.model_dump(exclude_none=True)))
