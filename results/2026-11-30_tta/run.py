"""What learned views gain at test time over the classic ones of equal cost, and what they cost.

Run: python run.py --out OUT [--cifar cifar-9000.npz] [--workers 1] [--only fashion-searched]. Runs `policysearch tta`
once for each case below and writes OUT/table.md after each. It may be stopped: the same command goes on.
cifar-9000.npz is made by `python ../2026-11-21_tables/subset.py cifar10 cifar-9000.npz`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SEARCHED = os.path.relpath(HERE.parent / "2026-11-30_strategies" / "fashion-small" / "policies" / "ucb-0.json")
FASHION = ("--data", "fashion-small", "--images", "4000", "--epochs", "40", "--seeds", "6")
CIFAR = ("--images", "4000", "--epochs", "60", "--validation", "3000", "--seeds", "5")
SMALL = ("--images", "2000", "--epochs", "20", "--seeds", "5", "--validation", "1000", "--candidates", "50")
CASES: Mapping[str, tuple[str, ...]] = {
    "fashion-searched": (SEARCHED, *FASHION),
    "fashion-identity": ("identity", "--data", "fashion-small", *SMALL),
    "cifar-flip-randaugment": ("flip+randaugment:2,9", "--data", "CIFAR", *CIFAR),
}
"""Words of `policysearch tta` by case: the policy that networks are trained under, the data and the size."""
PUBLISHED = ("tta.json", "tta.md", "tta.png", "learned_views.json", "learned_views.py", "test-reads.jsonl")


def searched(name: str, out: Path, cifar: str, workers: str) -> Path:
    """Run or go on with one case; its folder."""
    folder = out / "runs" / name
    words = [cifar if word == "CIFAR" else word for word in CASES[name]]
    same = ("--model", "quick-resnet", "--workers", workers, "--device", "cpu")
    subprocess.run([sys.executable, "-m", "policysearch", "tta", *words, *same, "--out", str(folder)], check=True)
    return folder


def publish(folder: Path, target: Path) -> None:
    """Copy what is worth keeping; the networks are not."""
    target.mkdir(parents=True, exist_ok=True)
    for name in PUBLISHED:
        shutil.copy(folder / name, target / name)


def rows(name: str, document: Mapping[str, Any]) -> Iterator[str]:
    """Table rows of one case: one pass, the best classic way of equal cost, ten crops, and the learned views."""
    best = document["verdict"]["best"]
    results = {result["name"]: result for result in document["results"]}
    plain = results["identity"]["seconds"]
    for way in dict.fromkeys(["identity", "flip", best, "ten-crops", "10 draws", "learned"]):
        result = results[way]
        accuracy, likelihood = result["accuracy"], result["log_likelihood"]
        mark = " (best of equal cost)" if way == best else ""
        yield (
            f"| {name} | {way}{mark} | {result['passes']} | × {result['seconds'] / plain:.1f} "
            f"| {100 * accuracy['mean']:.2f} [{100 * accuracy['low']:.2f}, {100 * accuracy['high']:.2f}] "
            f"| {likelihood['mean']:.4f} [{likelihood['low']:.4f}, {likelihood['high']:.4f}] |"
        )


def table(documents: Mapping[str, Mapping[str, Any]]) -> str:
    """All cases as Markdown, with their sentences below."""
    heads = ("case", "views", "passes", "time", "test accuracy, %", "calibrated log-likelihood, nats")
    lines = [f"| {' | '.join(heads)} |", "| - | - | - | - | - | - |"]
    for name, document in documents.items():
        lines += rows(name, document)
    sentences = [f"- {name}: {document['sentence']}." for name, document in documents.items()]
    return "\n".join([*lines, "", *sentences]) + "\n"


def main() -> None:
    """Run all cases whose data are there."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cifar", default="")
    parser.add_argument("--workers", default="1")
    parser.add_argument("--only", choices=CASES)
    options = parser.parse_args()
    documents = {}
    for name in [options.only] if options.only else CASES:
        if "CIFAR" in CASES[name] and not options.cifar:
            continue
        folder = searched(name, options.out, options.cifar, options.workers)
        publish(folder, options.out / name)
        documents[name] = json.loads((folder / "tta.json").read_text(encoding="utf-8"))
        (options.out / "table.md").write_text(table(documents), encoding="utf-8")
    print(table(documents))


if __name__ == "__main__":
    main()
