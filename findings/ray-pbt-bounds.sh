#!/usr/bin/env bash
# Ray Tune 2.60.0: population based training leaves the range that a hyperparameter was given.
#
# A value that is perturbed is multiplied by 1.2 or 0.8, and not brought back into the domain of hyperparam_mutations:
# a probability of tune.uniform(0, 1) becomes more than 1, and tune.randint(1, 5), which excludes 5, gives 5 and more.
# A schedule of augmentation policies found so may hold magnitudes that no operation has.
#
# Seen: two trials that begin with p = 0.9 and n = 4 and never resample (resample_probability=0) reach p = 2.24 and n = 6
# within 20 steps.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "ray[tune]==2.60.0"
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import json
import tempfile
from pathlib import Path

from ray import init, tune
from ray.tune.schedulers import PopulationBasedTraining


def training(config):
    step, checkpoint = 0, tune.get_checkpoint()
    if checkpoint:
        with checkpoint.as_directory() as folder:
            step = int(Path(folder, "step").read_text())
    while step < 20:
        step += 1
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "step").write_text(str(step))
            metrics = {"score": config["number"] + config["p"], "p": config["p"], "n": config["n"]}
            tune.report(metrics, checkpoint=tune.Checkpoint.from_directory(folder))


domains = {"p": tune.uniform(0, 1), "n": tune.randint(1, 5)}
scheduler = PopulationBasedTraining(
    time_attr="training_iteration",
    perturbation_interval=2,
    hyperparam_mutations=domains,
    resample_probability=0.0,
    quantile_fraction=0.5,
)
init(num_cpus=2, include_dashboard=False, log_to_driver=False)
with tempfile.TemporaryDirectory() as results:
    tuner = tune.Tuner(
        training,
        param_space={"p": 0.9, "n": 4, "number": tune.grid_search([0, 1])},
        tune_config=tune.TuneConfig(scheduler=scheduler, metric="score", mode="max"),
        run_config=tune.RunConfig(storage_path=results, verbose=0),
    )
    tuner.fit()
    rows = [json.loads(line) for file in Path(results).rglob("result.json") for line in file.read_text().splitlines()]
most = max(row["p"] for row in rows), max(row["n"] for row in rows)
print("largest p:", round(most[0], 3), "largest n:", most[1])
assert most[0] > 1 and most[1] >= 5
PYTHON
