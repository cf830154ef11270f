#!/usr/bin/env bash
# scikit-learn 1.9.1: one prediction of a class that no test image has costs macro F1 a third.
#
# f1_score(average="macro") averages over the classes of labels *and* predictions; a class that was only predicted has
# F1 0. balanced_accuracy_score averages over the classes of the labels alone. So with a test part that lacks a rare class
# the two may order networks differently; labels=... says which classes count.
#
# Seen: 19 of 20 right, the wrong one as a third class: macro F1 0.649, balanced accuracy 0.95; the wrong one as the
# other class: macro F1 0.95.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scikit-learn==1.9.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
from sklearn.metrics import balanced_accuracy_score, f1_score

labels = np.repeat([0, 1], 10)
elsewhere, other = labels.copy(), labels.copy()
elsewhere[0], other[0] = 2, 1
scores = [f1_score(labels, predicted, average="macro") for predicted in (elsewhere, other)]
print("macro F1:", np.round(scores, 3), "balanced accuracy:", balanced_accuracy_score(labels, elsewhere))
assert scores[0] < 0.66 and scores[1] > 0.94
assert np.isclose(balanced_accuracy_score(labels, elsewhere), 0.95)
assert np.isclose(f1_score(labels, elsewhere, average="macro", labels=[0, 1]), 0.974, atol=0.001)
PYTHON
