#!/usr/bin/env bash
# scikit-learn 1.9.1: top_k_accuracy_score with k = 1 is not the accuracy of the largest score where scores tie.
#
# Of equal scores numpy's argmax takes the first class and top_k_accuracy_score the last. Saturated softmax outputs in
# float16, a network that has collapsed, and a constant baseline have such ties: two accuracies of the same predictions.
#
# Seen: constant scores for labels 0, 0, 0, 1, 1, 2: top-1 accuracy 0.167, accuracy of the argmax 0.5.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scikit-learn==1.9.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
from sklearn.metrics import accuracy_score, top_k_accuracy_score

labels = np.array([0, 0, 0, 1, 1, 2])
scores = np.full((6, 3), 1 / 3)
top_1 = top_k_accuracy_score(labels, scores, k=1)
of_largest = accuracy_score(labels, scores.argmax(axis=1))
print("top 1:", round(top_1, 3), "argmax:", of_largest)
assert np.isclose(top_1, 1 / 6) and of_largest == 0.5
PYTHON
