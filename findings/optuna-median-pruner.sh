#!/usr/bin/env bash
# Optuna 5.0.0: MedianPruner never stops a trial whose curve collapses after a good start.
#
# It compares the best value that a trial has reported so far with the median of the others, not the value of the step.
# A training that diverges after its first epochs runs to its end; only one that was never good is stopped. Percentile
# pruner and median pruner share this; successive halving compares the value of the step.
#
# Seen: five trials that rise from 0.5 to 0.86, then one that reports 0.95 once and 0.1 nine times: never pruned. One that
# reports 0.6 once and 0.1 nine times is pruned at step 3, when the median passes its best.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet optuna==5.0.0
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)
study = optuna.create_study(direction="maximize", pruner=optuna.pruners.MedianPruner(n_startup_trials=3))
for _ in range(5):
    trial = study.ask()
    for step in range(10):
        trial.report(0.5 + 0.04 * step, step)
    study.tell(trial, 0.86)


def first_prune(start):
    trial = study.ask()
    for step in range(10):
        trial.report(start if step == 0 else 0.1, step)
        if trial.should_prune():
            return step
    return None


print("collapses from 0.95:", first_prune(0.95), "collapses from 0.6:", first_prune(0.6))
assert first_prune(0.95) is None and first_prune(0.6) == 3
PYTHON
