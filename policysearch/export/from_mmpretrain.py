"""MMPretrain's configs, in Python, JSON or YAML, and the files of `export --to mmpretrain`, as a policy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import yaml

from policysearch.core.errors import UserError
from policysearch.export.autoaugment_lists import number
from policysearch.export.lossy import refusal
from policysearch.export.mmpretrain_reader import ConfigReader
from policysearch.export.python_data import Missing, values_of
from policysearch.export.reading_errors import named_errors
from policysearch.policy.mixes import Mix
from policysearch.policy.policy import Policy

_MIXES = {"Mixup": "mixup", "CutMix": "cutmix"}
_ONE_MIX = "MMPretrain mixes all images of a batch by one λ, or none of them: here each image has its own"
_PLACES = ("train_dataloader.dataset.pipeline", "train_dataloader.dataset.dataset.pipeline", "train_pipeline")
_MIX_PLACES = ("model.train_cfg.augments", "model.data_preprocessor.batch_augments", "data_preprocessor.batch_augments")


def read(text: str, name: str, allow_loss: bool = False) -> tuple[Policy, list[str]]:
    """The policy of a config's training pipeline and mixes, and in what it is not the same.

    Args:
        text: what the file holds; nothing in it is run, and files that it names as its base are not read.
        name: what it is called in complaints.
        allow_loss: leave out what no operation here does, and take the nearest operation for what differs.

    Raises:
        UserError: it is no such config, a transform makes no sense, or no policy here can express one and `allow_loss`
            is False.
    """
    config = _config(text, name)
    reader = ConfigReader()
    with named_errors(name):
        subs = tuple(reader.sub_policies(_pipeline(config)))
        policy = Policy(sub_policies=subs, mix=_mix(config, reader))
    if reader.losses and not allow_loss:
        raise refusal(f"{name} has what no policy here can express", list(reader.losses))
    return policy, [*reader.losses, *reader.notes]


def _config(text: str, name: str) -> Mapping[str, Any]:
    """The top of a config in JSON, YAML or Python."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        try:
            data = values_of(text, name)
        except UserError:
            data = _yaml(text, name)
    if not isinstance(data, dict):
        raise UserError(f"{name} is no config of MMPretrain: it must assign train_pipeline or learned_policy")
    return data


def _yaml(text: str, name: str) -> Any:
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        message = " ".join(str(error).split())[:80]
        raise UserError(f"{name} is neither Python, JSON nor YAML ({message})") from None


def _pipeline(config: Mapping[str, Any]) -> Any:
    """The transforms of training: of an exported file, or of the data set that is trained on."""
    if isinstance(config.get("learned_policy"), list):
        return config["learned_policy"]
    for place in _PLACES:
        value = _at(config, place)
        if isinstance(value, Missing):
            raise UserError(f"{place} is more than data ({value.reason}): mmengine's Config.dump writes it out")
        if isinstance(value, list | tuple):
            return value
    base = (
        " (files named in _base_ are not read: mmengine's Config.dump writes all of it)" if "_base_" in config else ""
    )
    raise UserError(f"it has no train_pipeline and no train_dataloader with a pipeline{base}")


def _at(config: Mapping[str, Any], place: str) -> Any:
    value: Any = config
    for key in place.split("."):
        if isinstance(value, Missing) or not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def _mix(config: Mapping[str, Any], reader: ConfigReader) -> Mix | None:
    """The mix of the batch: one of MixUp and CutMix."""
    augments = next((value for place in _MIX_PLACES if (value := _at(config, place))), None)
    if augments is None:
        return None
    probabilities = _at(config, "model.train_cfg.probs")
    if isinstance(augments, Mapping) and "augments" in augments:
        augments, probabilities = augments["augments"], augments.get("probs")
    listed = [augments] if isinstance(augments, Mapping) else list(augments)
    shares = [probabilities] if isinstance(probabilities, int | float) else probabilities
    kinds = [str(augment.get("type")).removeprefix("mmpretrain.") for augment in listed]
    if len(listed) != 1 or kinds[0] not in _MIXES or listed[0].get("cutmix_minmax"):
        reader.losses[f"the mix {' or '.join(kinds)[:80]} is none of a policy's, which has one, MixUp or CutMix"] = None
        return None
    reader.notes[_ONE_MIX] = None
    return Mix(operation=_MIXES[kinds[0]], probability=_share(shares), alpha=float(listed[0].get("alpha", 1.0)))


def _share(probabilities: Any) -> float:
    """The probability of the only mix; 1 where none is given."""
    if probabilities is None:
        return 1.0
    if not isinstance(probabilities, list | tuple) or len(probabilities) != 1:
        raise UserError(f"probs of one mix must be a list of one number, got {probabilities!r:.60}")
    return number(probabilities[0], 0, 1, "probs of the mix")
