#!/usr/bin/env bash
# Optuna 5.0.0: of the categorical choices True and 1 a trial that uses 1 is recorded as having used True.
#
# Choices are looked up by equality, and True == 1 == 1.0 in Python. The objective gets what the sampler drew; the study,
# its importances, best_params and everything that reads the storage have the first of the equal choices. No error and no
# warning. The same goes for 1 and 1.0, or 0 and False.
#
# Seen: the objective was given 1 (int) and the trial says True (bool).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet optuna==5.0.0
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)
study = optuna.create_study()
study.enqueue_trial({"shuffle": 1})
trial = study.ask()
given = trial.suggest_categorical("shuffle", [True, 1, 2])
study.tell(trial, 0.0)
recorded = study.trials[0].params["shuffle"]
print("objective:", repr(given), "record:", repr(recorded))
assert type(given) is int and type(recorded) is bool
PYTHON
