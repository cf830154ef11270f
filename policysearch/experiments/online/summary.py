"""What an online search came to: the network's metrics, every stretch, and what each arm had of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from policysearch.child.network_names import network_title, weights_by_name
from policysearch.core.command import command
from policysearch.core.errors import UserError
from policysearch.core.files import read_json, write_whole
from policysearch.core.jsonable import plain
from policysearch.experiments.online.prepare import Prepared
from policysearch.reports.numbers import PERCENT
from policysearch.study.rows import Row, most_common_error
from policysearch.study.stretch_metrics import reads_validation

SCHEMA = "policysearch.online/1"
"""Changes when a key is removed or changes its meaning, not when one is added."""
FILE = "online.json"


@dataclass(frozen=True)
class Pull:
    """One policy of one stretch.

    Attributes:
        first, last: epochs at which the stretch begins and ends, from 0; within an epoch they are fractions.
        arm: name of the policy.
        parameters: of the arm in its space.
        reward: None where it gave none.
        metrics: of the stretch, see `policysearch.study.stretch_metrics`.
    """

    first: float
    last: float
    arm: str
    parameters: dict[str, Any]
    reward: float | None
    metrics: dict[str, float]


@dataclass(frozen=True)
class Summary:
    """An online search that has ended.

    Attributes:
        sentence: what was trained and where it ended.
        cautions: what limits it, a sentence each.
        about: data, network and settings.
        metrics: of the network at its end.
        pulls: of all stretches, in order; `width` of them belong to one stretch.
        width: policies side by side.
    """

    sentence: str
    cautions: tuple[str, ...]
    about: dict[str, Any]
    metrics: dict[str, Any]
    pulls: tuple[Pull, ...]
    width: int

    @property
    def curve(self) -> list[dict[str, float]]:
        """Epoch, accuracy and loss on validation."""
        return list(self.metrics["curve"])


def summary(prepared: Prepared, rows: Sequence[Row], metrics: dict[str, Any]) -> Summary:
    """Put together what is reported.

    Args:
        prepared: the search.
        rows: its whole record.
        metrics: of the network.
    """
    config, settings = prepared.config, prepared.settings
    about = {
        "data": prepared.dataset.name,
        "model": config.model,
        **weights_by_name(config.weights),
        "images": config.images,
        "epochs": config.epochs,
        "seed": config.seed,
        "split_seed": config.split_seed,
        "space": config.space,
        "rule": settings.rule,
        "reward": prepared.reward,
        "baseline": settings.baseline,
        "stretches": len(prepared.stretches),
        "steps": prepared.stretches[-1].end,
        "device": config.device,
        "recipe": config.recipe.model_dump(mode="json"),
        "seconds": sum(row.seconds for row in rows),
    }
    cautions = (*prepared.notes, *_cautions(prepared, rows))
    return Summary(_sentence(about, metrics), cautions, about, metrics, _pulls(prepared, rows), prepared.chooser.width)


def _sentence(about: dict[str, Any], metrics: dict[str, Any]) -> str:
    network = network_title(about["model"], about.get("weights"))
    return (
        f"One {network}, trained for {about['epochs']} epochs on {about['images']:,} images of {about['data']}, "
        f"its policy chosen {about['stretches']} times by {about['rule']} for {about['reward']}, predicts "
        f"{PERCENT.value(metrics['accuracy'])} of {metrics['validation_images']:,} validation images right"
    )


def _cautions(prepared: Prepared, rows: Sequence[Row]) -> list[str]:
    folder = prepared.folder.path
    texts = [
        "This is one training, compared with none: "
        f"{command('evaluate', folder, '--out', f'{folder}-test')} trains the schedule anew on several seeds, and "
        "fixed policies too, and judges them on the test part"
    ]
    if reads_validation(prepared.reward):
        texts.append("Validation images chose the policies, so that the accuracy on them flatters the network")
    without = [row for row in rows if row.reward is None]
    if without:
        error, _ = most_common_error(without)
        texts.append(
            f"{len(without)} of {len(rows)} choices have no reward, most often: {error}; they taught the rule nothing"
        )
    width = prepared.chooser.width
    if width > 1:
        texts.append(
            f"{width} policies trained side by side, so that it cost {width} times a plain training; the schedule "
            "draws one of them for each image"
        )
    return texts


def _pulls(prepared: Prepared, rows: Sequence[Row]) -> tuple[Pull, ...]:
    width, batches = prepared.chooser.width, prepared.stretches[-1].end / prepared.config.epochs
    pulls = []
    for row in rows:
        stretch = prepared.stretches[row.number // width]
        epochs = (stretch.first / batches, stretch.end / batches)
        parameters, metrics = dict(row.arm.parameters), dict(row.outcome.metrics)
        pulls.append(Pull(*epochs, row.arm.name, parameters, row.reward, metrics))
    return tuple(pulls)


def write_summary(result: Summary, folder: Path) -> None:
    """Write online.json whole."""
    content = {"schema": SCHEMA, **plain(asdict(result))}
    write_whole(folder / FILE, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_summary(folder: Path) -> Summary:
    """Read online.json.

    Raises:
        UserError: the search has not ended, or the file is damaged.
    """
    if not (folder / FILE).exists():
        raise UserError(f"the online search of {folder} has not ended: {command('resume', folder)} goes on")
    content = read_json(folder / FILE, SCHEMA)
    content.pop("schema")
    try:
        pulls = tuple(Pull(**pull) for pull in content.pop("pulls"))
        return Summary(**{**content, "cautions": tuple(content["cautions"])}, pulls=pulls)
    except (KeyError, TypeError) as error:
        raise UserError(f"{folder / FILE} is damaged: {error}") from None
