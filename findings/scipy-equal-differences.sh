#!/usr/bin/env bash
# SciPy 1.17.1: the paired t-test is certain of any lead that two seeds happen to show alike.
#
# Accuracies are counts of images, so the differences of two pairs are often equal. ttest_rel then answers t = inf and
# p = 0 with a single degree of freedom, where the test is undefined: a lead of one image in a thousand would be called
# certain. Its warning speaks of precision. R's t.test raises an error ("data are essentially constant").
#
# Seen: 820 and 830 right against 819 and 829: t = inf, p = 0.0.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import warnings

import numpy as np
from scipy.stats import ttest_rel

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    result = ttest_rel([820, 830], [819, 829])
print(result, [str(warning.message)[:60] for warning in caught])
assert np.isinf(result.statistic) and result.pvalue == 0.0 and result.df == 1
PYTHON
