"""The weights that torchvision and timm publish: their normalisation and their files; downloads only if allowed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from policysearch.child.fine_tuning.normalisation import Normalisation, of_unit_range
from policysearch.core.cache import cache_folder
from policysearch.core.errors import UserError, in_one_line
from policysearch.core.files import replacing

PUBLISHED = "published"
"""What `--weights` takes for the weights of the network's library."""
_FETCH = "add --download to fetch them, or give their file as --weights FILE"


def published_normalisation(model: str) -> Normalisation | None:
    """How a library's weights for a network want their inputs; None for a network without published weights.

    Args:
        model: as `--model` takes it.
    """
    library, _, name = model.partition(":")
    if library == "torchvision":
        weights = _torchvision_weights(name)
        means = weights and vars(weights.transforms())
        return of_unit_range(tuple(means["mean"]), tuple(means["std"])) if means and "mean" in means else None
    if library == "timm":
        import timm

        config = timm.get_pretrained_cfg(name)
        return of_unit_range(tuple(config.mean), tuple(config.std)) if config is not None else None
    return None


def published_file(model: str, download: bool) -> str:
    """The file of a network's published weights, fetched if that is allowed and it is not there.

    Args:
        model: torchvision:NAME or timm:NAME.
        download: whether it may be fetched.

    Raises:
        UserError: the network has no published weights, or they are not there and cannot or must not be fetched.
    """
    library, _, name = model.partition(":")
    if library not in _FILES:
        raise UserError(
            f"--weights {PUBLISHED} is for torchvision:NAME and timm:NAME, and the network is {model}: give a file"
        )
    try:
        return str(_FILES[library](model, name, download))
    except UserError:
        raise
    except ImportError:
        package = f"pip install 'policysearch[{library}]'" if library == "timm" else f"pip install {library}"
        raise UserError(f"model {model!r} needs {library}, which is not installed: {package}") from None
    except Exception as error:  # libraries raise errors of their own where there is no network, no room, no such file
        reason = in_one_line(error)[:200]
        raise UserError(f"the published weights of {model} cannot be fetched ({reason}): give a file") from None


def _torchvision_file(model: str, name: str, download: bool) -> Path:
    """The file where torch keeps downloads, whose name has a part of its hash; that is checked."""
    import torch

    weights = _torchvision_weights(name)
    if weights is None:
        raise UserError(f"torchvision publishes no weights for {model}: give a file")
    file = Path(torch.hub.get_dir(), "checkpoints", weights.url.rpartition("/")[2])
    if not file.exists():
        if not download:
            raise UserError(f"the published weights of {model} are not on this machine: {_FETCH}")
        torch.hub.load_state_dict_from_url(
            weights.url, map_location="cpu", progress=False, check_hash=True, weights_only=True
        )
    return file


def _torchvision_weights(name: str) -> Any:
    """The library's own choice among a network's weights; None where there is none."""
    from torchvision import models

    if name not in models.list_models(module=models):
        return None
    return getattr(models.get_model_weights(name), "DEFAULT", None)


def _timm_file(model: str, name: str, download: bool) -> Path:
    """A file of our own, since timm keeps its weights in several forms."""
    import timm
    import torch

    from policysearch.child.weights_file import SCHEMA

    file = cache_folder() / "weights" / f"timm-{name.replace('/', '-')}.pt"
    if file.exists():
        return file
    if not timm.is_model(name) or not timm.is_model_pretrained(name):
        raise UserError(f"timm publishes no weights for {model}: give a file")
    if not download:
        raise UserError(f"the published weights of {model} are not on this machine: {_FETCH}")
    network: Any = timm.create_model(name, pretrained=True)
    content = {"schema": SCHEMA, "model": model, "weights": network.state_dict(), **_of_config(network.pretrained_cfg)}
    file.parent.mkdir(parents=True, exist_ok=True)
    with replacing(file) as partial:
        torch.save(content, partial)
    return file


def _of_config(config: Mapping[str, Any]) -> dict[str, tuple[float, ...]]:
    """Mean and deviation in grey values."""
    normalisation = of_unit_range(tuple(config["mean"]), tuple(config["std"]))
    return {"mean": normalisation.mean, "std": normalisation.std}


_FILES: Mapping[str, Any] = {"torchvision": _torchvision_file, "timm": _timm_file}
