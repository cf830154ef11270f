"""The settings of a search by group: what is trained, what is pulled, how arms are chosen, and where it runs.

A new setting is one new field here (or in `datasets/config.py`): flags, config files and what a run compares with what
it began with follow from the group and from the marks of the field.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator
from pydantic.functional_validators import ModelWrapValidatorHandler

from policysearch.child.network_names import network_title
from policysearch.child.recipe import Recipe
from policysearch.core.settings import Mark, Settings
from policysearch.core.tasks import TaskName
from policysearch.datasets.config import SplitSettings
from policysearch.study.search_defaults import with_defaults_of_search
from policysearch.study.task_defaults import with_defaults_of_task, with_task_of_function

FIXED_FINALISTS = 5
"""Fixed policies that a search confirms unless it says how many. Those of earlier versions confirmed all."""


class ModelSettings(Settings):
    """What a network learns, which one is trained, and how.

    Settings that are left open get the defaults of the task.

    Example:
        >>> ModelSettings(task="classification").model
        'quick-resnet-wide'
    """

    task: Annotated[
        TaskName,
        Field(description="what children learn (see `policysearch guide tasks`)"),
        Mark.FIXED,
    ] = "classification"
    model: Annotated[
        str,
        Field(description="child network: a name, torchvision:NAME, timm:NAME or MODULE:FACTORY"),
        Mark.FIXED,
    ] = "quick-resnet-wide"
    train: Annotated[  # compared by a hash of its source instead
        str | None,
        Field(
            description="training function of your own that is called with each policy, MODULE:FUNCTION or "
            "PATH.py:FUNCTION (see `policysearch guide your-training`)"
        ),
    ] = None
    weights: Annotated[  # compared by a hash of the file instead
        str | None,
        Field(
            description="file of weights that children begin with, or published: those of torchvision's or timm's "
            "network (see `policysearch guide fine-tuning`)"
        ),
    ] = None
    normalisation: Annotated[
        str | None,
        Field(
            description="with --weights, how inputs are normalised: data, imagenet or MEANS/DEVIATIONS; default: as "
            "those were trained"
        ),
        Mark.FIXED,
    ] = None
    operations: Annotated[  # compared by a hash of their source instead
        str | None,
        Field(description="modules that register operations of your own: MODULE or PATH.py, separated by commas"),
    ] = None
    recipe: Annotated[Recipe, Mark.FIXED] = Recipe()

    @property
    def learner(self) -> str:
        """What is trained: the network and what it begins with, or the training function, by its name."""
        return network_title(self.model, self.weights) if self.train is None else self.train

    @model_validator(mode="wrap")
    @classmethod
    def _with_defaults_of_task(cls, values: Any, validated: ModelWrapValidatorHandler[Self]) -> Self:
        """Settings that are left open, as the task has them; they count as open."""
        if not isinstance(values, Mapping):
            return validated(values)
        settings = validated(with_defaults_of_search(cls, with_defaults_of_task(cls, with_task_of_function(values))))
        settings.model_fields_set.intersection_update(values)
        return settings


class SpaceSettings(Settings):
    """Which arms there are; a run compares the space by the hash of its copy."""

    space: Annotated[str, Field(description="space of arms: a name (see `policysearch spaces`) or PATH.toml")] = (
        "default"
    )


class StrategySettings(Settings):
    """How a search chooses arms, for how long, and how many of them it confirms: settings of `search` alone."""

    strategy: Annotated[
        str,
        Field(description="how arms are chosen, NAME or NAME:parameter=value (see `policysearch strategies`)"),
        Mark.FIXED,
    ] = "additive"
    calibrated: Annotated[
        str | None,
        Field(description="calibration.toml, or its folder: `search` takes images, epochs and reward from it"),
    ] = None
    trials: Annotated[int, Field(ge=1, description="pulls of the search; where arms are listed, 40 unless given")] = 80
    prune: Annotated[
        str | None,
        Field(
            description="stop hopeless pulls at their checkpoints: paired, or a pruner of Optuna's as "
            "percentile:percentile=25 (see `policysearch strategies`)"
        ),
        Mark.FIXED,
    ] = None
    finalists: Annotated[int, Field(ge=1, le=20, description="arms confirmed, added to the fixed policies")] = 4
    fixed_finalists: Annotated[
        int | None,
        Field(
            ge=1,
            le=50,
            description="of a space's fixed policies, how many are confirmed: the first, and those that did best in "
            f"the search; default: {FIXED_FINALISTS}",
        ),
    ] = None
    ablate: Annotated[
        int,
        Field(
            ge=0,
            description="fresh replicates on which the winner is trained again with each of its factors taken away",
        ),
    ] = 0


class PullSettings(Settings):
    """How much one pull trains.

    Example:
        >>> PullSettings.setting_names(Mark.FIXED)
        ('images', 'epochs')
        >>> PullSettings(epochs=20).setting_values()
        {'images': 500, 'epochs': 20}
    """

    images: Annotated[int, Field(ge=1, description="training images of a pull"), Mark.FIXED] = 500
    epochs: Annotated[int, Field(ge=1, description="epochs of a pull"), Mark.FIXED] = 80


class RewardSettings(Settings):
    """What a pull is worth, and at how many fidelities pulls are compared."""

    reward: Annotated[
        str,
        Field(description="what is maximised, as accuracy-0.5*ece (see `policysearch rewards`)"),
        Mark.FIXED,
    ] = "accuracy"
    rungs: Annotated[
        int,
        Field(ge=2, le=8, description="fidelities of asha, halving and hyperband: images, images/eta, ... (or epochs)"),
        Mark.FIXED_IF_USED,
    ] = 3


class PromotionSettings(Settings):
    """What strategies of several fidelities do when they promote an arm."""

    promote: Annotated[
        Literal["auto", "continue", "retrain"],
        Field(
            description="promoted pulls continue their child for more epochs, or retrain on more images; auto: they "
            "continue with --schedule trunk"
        ),
        Mark.FIXED_IF_USED,
    ] = "auto"


class ConfirmSettings(Settings):
    """How the finalists are trained again."""

    confirm: Annotated[int, Field(ge=0, description="fresh replicates on which the finalists are trained again")] = 4
    confirm_images: Annotated[
        int | None,
        Field(ge=1, description="training images of a confirming pull; default: as in the search"),
        Mark.FIXED,
    ] = None
    confirm_epochs: Annotated[
        int | None,
        Field(ge=1, description="epochs of a confirming pull; default: as in the search"),
        Mark.FIXED,
    ] = None
    confirm_reward: Annotated[
        str | None,
        Field(description="what decides among the finalists; default: the reward of the search"),
        Mark.FIXED,
    ] = None


class PlaceSettings(Settings):
    """Where children are trained, by how many workers, and what is done about those that fail."""

    workers: Annotated[
        int | None,
        Field(
            ge=0,
            le=1024,
            description="worker processes; 0 trains in this process; default: one a core up to 8 on CPU, 2 on a GPU, "
            "with ray as many as the cluster has room for",
        ),
        Mark.REPORTED,
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
    device: Annotated[str, Field(description="auto, cpu, cuda or cuda:N"), Mark.REPORTED] = "auto"
    retries: Annotated[int, Field(ge=0, le=100, description="further attempts for a child that failed")] = 1
    deadline: Annotated[float, Field(gt=0, description="seconds a child may take (needs workers of their own)")] = (
        3600.0
    )
    checkpoint_every: Annotated[
        float,
        Field(
            ge=0,
            allow_inf_nan=False,
            description="seconds between checkpoints of a child, from which a killed one goes on; 0: none",
        ),
    ] = 30.0
    checkpoint_limit: Annotated[
        float,
        Field(
            gt=0, allow_inf_nan=False, description="megabytes of checkpoints that a search keeps, the last used ones"
        ),
    ] = 2000.0


class StudySettings(Settings):
    """The record of a run: an Optuna study in a storage, and the seed of everything that is drawn for it."""

    seed: Annotated[int, Field(ge=0, lt=2**63, description="the study's seed"), Mark.FIXED] = 0
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


class OutputSettings(Settings):
    """What a search writes in addition to its study."""

    out: Annotated[str | None, Field(description="the run's folder; default: results/search-DATE-TIME")] = None
    tensorboard: Annotated[
        bool, Field(description="write every pull's figures for TensorBoard, into the run's folder as it goes")
    ] = False


class ChildSettings(SplitSettings, PlaceSettings, ModelSettings):
    """All that a pool needs to train children on a data set: the network, the place and the split."""


class ExperimentSettings(StudySettings, ChildSettings):
    """What every experiment that trains has: children, and a study that records them."""


class SearchSettings(
    OutputSettings,
    ExperimentSettings,
    ConfirmSettings,
    PromotionSettings,
    RewardSettings,
    PullSettings,
    StrategySettings,
    SpaceSettings,
):
    """All settings of a search but its data. Pydantic lists fields from the last group to the first.

    Of space, strategy and number of pulls, those that are left open follow from the others, see `search_defaults`.
    """

    space: Annotated[
        str, Field(description="space of arms: a name (see `policysearch spaces`) or PATH.toml; default: by strategy")
    ] = "recipe"
