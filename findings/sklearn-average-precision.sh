#!/usr/bin/env bash
# scikit-learn 1.9.1: in macro average precision a label that no image has counts as 0.
#
# Mean average precision of many labels falls by 1/labels for each label without a positive in the validation part,
# however good the network is: a perfect one gets 0.5 here. torchmetrics and the published COCO code leave such labels
# out. The warning says so once per label, and is easily lost in the output of a training.
#
# Seen: perfect scores for two labels, one of which no image has: 0.5, by label [1, 0].
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scikit-learn==1.9.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
from sklearn.metrics import average_precision_score

labels = np.array([[1, 0], [1, 0], [0, 0]])
scores = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.1]])
macro = average_precision_score(labels, scores, average="macro")
by_label = average_precision_score(labels, scores, average=None)
print("macro:", macro, "by label:", by_label)
assert macro == 0.5 and by_label.tolist() == [1.0, 0.0]
PYTHON
