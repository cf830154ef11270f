"""Where a policy comes from when a person names one: a preset, a file, or a run's folder."""

from __future__ import annotations

from pathlib import Path

from policysearch.core.command import command
from policysearch.core.errors import UserError, unknown_name
from policysearch.policy.mixes import LINE_MIXES, MIXES
from policysearch.policy.policy import Policy
from policysearch.policy.presets import PRESETS, is_preset
from policysearch.study.run_folder import RunFolder


def named_policy(spec: str) -> Policy:
    """The preset of that name, or the policy in that file or run's folder.

    Raises:
        UserError: none is there (the message names the nearest presets), the run has not ended, or the file holds no
            valid policy.
    """
    if is_preset(spec):
        return Policy.preset(spec)
    if Path(spec).is_dir():
        return _of_run(RunFolder(Path(spec)))
    if spec.endswith(".json") or Path(spec).exists():
        return Policy.load(spec)
    if spec in MIXES or spec in LINE_MIXES:
        raise UserError(f'{spec} is a mix, no policy: write it into one, as "mix": {{"operation": "{spec}"}}')
    if len(Path(spec).parts) > 1:
        raise UserError(f"there is no folder or file {spec!r}: give the folder of a search, PATH.json or a preset")
    raise UserError(f"{unknown_name('policy preset', spec, PRESETS)} A file of your own is given as PATH.json.")


def _of_run(run: RunFolder) -> Policy:
    if (run.path / "evaluation.toml").exists():
        raise UserError(f"{run.path} holds an evaluation, which makes no policy: give the folder of a search")
    if (run.path / "tta.toml").exists():
        raise UserError(
            f"{run.path} holds a test-time policy, for predictions and not for training: its learned_views.py is for "
            "torchvision"
        )
    if run.config.exists() and not run.policy.exists():
        raise UserError(f"{run.path} has no policy yet, its search has not ended: {command('resume', run.path)}")
    return Policy.load(run.policy)


def run_of_policy(path: Path) -> RunFolder | None:
    """The run whose policy this is.

    Args:
        path: a policy file, or a run's folder.
    """
    run = RunFolder(path if path.is_dir() else path.parent)
    return run if run.config.exists() and run.policy.exists() and path in (run.path, run.policy) else None
