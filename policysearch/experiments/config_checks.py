"""What is wrong with a configuration at first sight: found before torch is imported, data are read or code is run."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from policysearch.child.accelerator import must_be_a_device
from policysearch.child.fine_tuning.start import must_be_weights
from policysearch.child.network_names import must_name_a_network
from policysearch.core.errors import UserError, in_one_sentence
from policysearch.core.files import separated
from policysearch.core.tasks import NO_DATA, OWN_TRAINING, task_named
from policysearch.core.user_code import must_be_there
from policysearch.datasets.presence import must_be_present
from policysearch.experiments.calibration_file import load_calibration
from policysearch.experiments.pools import must_name_a_pool
from policysearch.experiments.task_checks import settings_must_suit_task
from policysearch.experiments.user_training import must_name_a_training
from policysearch.policy.space_files import load_space, space_text
from policysearch.study.config import SearchConfig
from policysearch.study.density_settings import DENSITY, must_suit_density
from policysearch.study.ladder import must_be_climbable
from policysearch.study.pruning.registry import pruner_of
from policysearch.study.reward_metrics import metrics_of_task
from policysearch.study.rewards import must_be_a_reward
from policysearch.study.run_folder import RunFolder
from policysearch.study.storage import must_be_a_storage
from policysearch.study.strategies import must_name_a_strategy

Check = Callable[[SearchConfig], object]


def must_be_spelled(config: SearchConfig) -> None:
    """Check all settings that name something: a strategy, data, a network, a device, a file.

    It imports neither torch nor the user's code, and writes nothing.

    Raises:
        UserError: something that is named does not exist, or cannot be; all such mistakes are in its message.
    """
    _run(_ALWAYS, config)


def must_be_spelled_to_begin(config: SearchConfig) -> None:
    """As `must_be_spelled`, and check also what concerns only a search that begins: its folder, space and calibration.

    Raises:
        UserError: something that is named does not exist, or cannot be; all such mistakes are in its message.
    """
    _run((*_ALWAYS, _folder, _space, _calibration), config)


def _run(checks: tuple[Check, ...], config: SearchConfig) -> None:
    mistakes: list[str] = []
    for check in checks:
        try:
            check(config)
        except UserError as error:
            mistakes.append(str(error))
    if mistakes:
        raise UserError(in_one_sentence(mistakes))


def _text(config: SearchConfig) -> None:
    """A path may have bytes that are no UTF-8; no record can hold them."""
    for name, value in config.setting_values().items():
        if isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
            raise UserError(f"--{name.replace('_', '-')} has characters that are no UTF-8, {value!r}: rename the file")


def _strategy(config: SearchConfig) -> None:
    must_name_a_strategy(config.strategy)
    must_suit_density(config)
    must_be_climbable(config)
    pruner_of(config)


def _reward(config: SearchConfig) -> None:
    folds = config.strategy.partition(":")[0] == DENSITY
    must_be_a_reward(config.reward, config.recipe.base_epochs > 0, folds, metrics_of_task(config.task))


def _last_reward(config: SearchConfig) -> None:
    must_be_a_reward(config.last_reward, config.recipe.base_epochs > 0, metrics=metrics_of_task(config.task))


def _model(config: SearchConfig) -> None:
    if config.train is None:
        must_name_a_network(config.model)


def _data(config: SearchConfig) -> None:
    if not (config.task == OWN_TRAINING and config.data == NO_DATA):
        must_be_present(config)


def _weights(config: SearchConfig) -> None:
    recipe = config.recipe
    must_be_weights(config.weights, config.normalisation, layer_decay=recipe.layer_decay, frozen=recipe.frozen)


def _operations(config: SearchConfig) -> None:
    for module in separated(config.operations):
        must_be_there(module, f"operations module {module!r}")


def _device(config: SearchConfig) -> None:
    if config.pool != "ray":
        must_be_a_device(config.device)


def _tensorboard(config: SearchConfig) -> None:
    if config.tensorboard and find_spec("tensorboard") is None:
        raise UserError("--tensorboard needs a package: pip install 'policysearch[tensorboard]', or leave it out")


def _storage(config: SearchConfig) -> None:
    if config.storage:
        must_be_a_storage(config.storage)


def _folder(config: SearchConfig) -> None:
    if config.out:
        RunFolder(Path(config.out)).must_be_new()


def _space(config: SearchConfig) -> None:
    if config.operations:  # only with them can its policies be read
        space_text(config.space)
    else:
        load_space(config.space, task_named(config.task).fixed)


def _calibration(config: SearchConfig) -> None:
    if config.calibrated is not None:
        load_calibration(config.calibrated)


_ALWAYS: tuple[Check, ...] = (
    _text,
    settings_must_suit_task,
    must_name_a_pool,
    _strategy,
    _reward,
    _last_reward,
    _data,
    must_name_a_training,
    _model,
    _weights,
    _operations,
    _device,
    _tensorboard,
    _storage,
)
