"""Print the table of arms.csv as Markdown, arms by their gain over no augmentation: python table.py [arms.csv]

Gains are paired by seed; intervals are Student's t at 95 %, given from two seeds on, not corrected for several arms.
"""

import csv
import statistics
import sys
from collections import defaultdict
from pathlib import Path

from scipy.stats import t

BASE = "identity"


def main(path: Path) -> None:
    accuracy: dict[str, dict[str, float]] = defaultdict(dict)
    characters: dict[str, list[float]] = defaultdict(list)
    for row in csv.DictReader(path.open()):
        accuracy[row["arm"]][row["seed"]] = 100 * float(row["accuracy"])
        characters[row["arm"]].append(100 * float(row["character_accuracy"]))
    print("| arm | n | words read, % | characters, % | gain in words over identity, points [95 %] |")
    print("| - | - | - | - | - |")
    gains = {arm: [value - accuracy[BASE][seed] for seed, value in of_arm.items()] for arm, of_arm in accuracy.items()}
    for arm, gain in sorted(gains.items(), key=lambda item: -statistics.mean(item[1])):
        words, letters = statistics.mean(accuracy[arm].values()), statistics.mean(characters[arm])
        print(f"| {arm} | {len(gain)} | {words:.1f} | {letters:.1f} | {'' if arm == BASE else interval(gain)} |")


def interval(gain: list[float]) -> str:
    mean, n = statistics.mean(gain), len(gain)
    if n < 2:
        return f"{mean:+.1f}"
    half = float(t.ppf(0.975, n - 1)) * statistics.stdev(gain) / n**0.5
    return f"{mean:+.1f} [{mean - half:+.1f}, {mean + half:+.1f}]"


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("arms.csv"))
