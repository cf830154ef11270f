"""What other programs call the settings, for those who come from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from policysearch.child.recipe import Recipe
from policysearch.core.errors import unknown_name

OTHER_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "lr": "rate",
        "learning_rate": "rate",
        "bs": "batch",
        "batch_size": "batch",
        "wd": "weight_decay",
        "num_epochs": "epochs",
        "n_trials": "trials",
        "num_trials": "trials",
        "num_workers": "workers",
        "gpu": "device",
        "network": "model",
        "arch": "model",
        "dataset": "data",
        "data_dir": "data",
        "image_size": "resize",
        "img_size": "resize",
        "metric": "reward",
        "sampler": "strategy",
        "output": "out",
        "out_dir": "out",
        "output_dir": "out",
        "storage_url": "storage",
        "study_name": "study",
        "random_state": "seed",
        "timeout": "deadline",
    }
)
"""The setting that is meant by a name of another program."""


def unknown_key(key: str, allowed: Iterable[str]) -> str:
    """What to say of a key that no setting has.

    Args:
        key: what was given.
        allowed: all keys that the table may have.

    Example:
        >>> unknown_key("trails", ["trials", "out"])
        "unknown key 'trails': did you mean trials?"
        >>> unknown_key("lr", ["trials", "out"])
        "unknown key 'lr': did you mean rate? It belongs below [recipe]."
    """
    names = {*allowed}
    meant = key if key in Recipe.model_fields else OTHER_NAMES.get(key, "")
    if meant in names:
        return f"unknown key {key!r}: did you mean {meant}?"
    if meant in Recipe.model_fields:
        question = "" if meant == key else f" did you mean {meant}?"
        return f"unknown key {key!r}:{question} {'It' if question else 'it'} belongs below [recipe]."
    return str(unknown_name("key", key, names))
