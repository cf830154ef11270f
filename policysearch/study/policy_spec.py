"""Where a policy comes from when a person names one: a preset, a file, or a run's folder."""

from __future__ import annotations

from pathlib import Path

from policysearch.core.command import command
from policysearch.core.errors import UserError, unknown_name
from policysearch.policy.mixes import MIXES
from policysearch.policy.policy import Policy
from policysearch.policy.presets import AFTER_FLIP, PRESETS
from policysearch.study.run_folder import RunFolder


def named_policy(spec: str) -> Policy:
    """The preset of that name, or the policy in that file or run's folder.

    Raises:
        UserError: none is there (the message names the nearest presets), the run has not ended, or the file holds no
            valid policy.
    """
    if spec.removeprefix(AFTER_FLIP).partition(":")[0] in PRESETS:
        return Policy.preset(spec)
    if Path(spec).is_dir():
        return _of_run(RunFolder(Path(spec)))
    if spec.endswith(".json") or Path(spec).exists():
        return Policy.load(spec)
    if spec in MIXES:
        raise UserError(f'{spec} is a mix, no policy: write it into one, as "mix": {{"operation": "{spec}"}}')
    raise UserError(f"{unknown_name('policy preset', spec, PRESETS)} A file of your own is given as PATH.json.")


def _of_run(run: RunFolder) -> Policy:
    if run.config.exists() and not run.policy.exists():
        raise UserError(f"{run.path} has no policy yet, its search has not ended: {command('resume', run.path)}")
    return Policy.load(run.policy)
