#!/usr/bin/env bash
# MABWiser 2.7.4: UCB1 never pulls an arm that was not in the first batch of decisions.
#
# An arm without a pull has expectation 0 instead of an infinite bound, so with rewards above 0 it is never chosen, and
# with rewards below 0 (such as minus a loss) it would be chosen first. The textbook's rule pulls every arm once.
#
# Seen: arms a, b and c pay 0.9, 0.7 and 1.0; fitted on one pull of a and b, 200 further pulls go to a and b alone.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 mabwiser==2.7.4
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from collections import Counter

import numpy as np
from mabwiser.mab import MAB, LearningPolicy

PAYS = {"a": 0.9, "b": 0.7, "c": 1.0}
bandit = MAB([*PAYS], LearningPolicy.UCB1(alpha=1.25), seed=1)
bandit.fit(["a", "b"], [0.9, 0.7])
rng, pulls = np.random.default_rng(0), Counter()
for _ in range(200):
    arm = bandit.predict()
    pulls[arm] += 1
    bandit.partial_fit([arm], [PAYS[arm] + 0.01 * rng.standard_normal()])
print(dict(pulls), {arm: round(float(value), 2) for arm, value in bandit.predict_expectations().items()})
assert pulls["c"] == 0 and bandit.predict_expectations()["c"] == 0
PYTHON
