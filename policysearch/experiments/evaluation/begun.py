"""What an evaluation was begun with: other settings are not mixed into its folder, only more seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tomli_w

from policysearch.core.errors import UserError
from policysearch.core.settings import Mark
from policysearch.experiments.evaluation.prepare import MARK, Prepared
from policysearch.experiments.evaluation.settings import EvaluateSettings, TrainingSettings
from policysearch.study.phases import begun_with, first_change
from policysearch.study.run_folder import RunFolder

if TYPE_CHECKING:
    import optuna

_LONG = 60


def mark(folder: RunFolder, policy: str, settings: EvaluateSettings) -> None:
    """Write what the evaluation is of into its folder."""
    text = tomli_w.dumps({"policy": policy, **settings.model_dump(exclude_none=True)})
    (folder.path / MARK).write_text(text, encoding="utf-8")


def must_be_as_begun(study: optuna.Study, given: Prepared) -> None:
    """Keep what an evaluation is begun with, and hold one that is continued to it.

    Raises:
        UserError: a setting is another, or there are fewer seeds.
    """
    settings, folder = given.settings, given.folder
    changed = first_change(study, _settings(given))
    if changed:
        name, value, begun = changed
        raise UserError(
            f"{folder.path} holds an evaluation with other settings: {name} {_told(value, begun)}; "
            "give what it was begun with, or another --out"
        )
    had = study.user_attrs.get("seeds", 0)
    if settings.seeds < had:
        raise UserError(f"--seeds {settings.seeds} is fewer than the {had} of {folder.path}: give {had} or more")
    if settings.seeds > had:
        study.set_user_attr("seeds", settings.seeds)


def _told(value: object, begun: object) -> str:
    short = len(f"{value!r}{begun!r}") <= 2 * _LONG
    return f"is {value!r}, was {begun!r}" if short else "is not what it was"


def _settings(given: Prepared) -> dict[str, Any]:
    settings = given.settings
    trained = begun_with(given.config, given.dataset.digest, TrainingSettings.setting_names(Mark.FIXED))
    recipe = {f"recipe.{name}": value for name, value in trained.pop("recipe").items()}
    grid = {"grid": settings.grid, "grid_seeds": settings.grid_seeds} if settings.grid else {"grid": []}
    also = {"also": ",".join(arm.key for arm in given.also) or None}
    against = ",".join(settings.names)
    return {"policy": given.given.arm.key, "against": against, **also, **grid, **trained, **recipe}
