"""A training function of a user's that trains nothing: what it returns depends on the policy and the seed alone."""

from __future__ import annotations

import hashlib
from pathlib import Path


def worth(text: str) -> float:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") / 2**32


def train(policy, seed, images, epochs, report):
    accuracy = 0.5 + 0.2 * worth(policy.hash) + 0.01 * worth(f"{seed}")
    for epoch in range(1, epochs + 1):
        report(epoch, accuracy=accuracy * epoch / epochs)
    return {"accuracy": accuracy, "mean_iou": accuracy / 2, "seen": images}


def train_on_data(policy, seed, images, epochs, data, test=False):
    assert len(data.x_train) == len(data.y_train) == images
    metrics = {"accuracy": 0.5 + 0.2 * worth(policy.hash) + 0.01 * worth(f"{seed}")}
    return metrics | ({"test_accuracy": metrics["accuracy"] - len(data.x_test) / 1000} if test else {})


def train_with_iou(policy, report, epochs):
    for epoch in range(1, epochs + 1):
        report(epoch, mean_iou=worth(policy.hash), val_loss=1.0)
    return {"mean_iou": worth(policy.hash), "val_loss": 0.5}


def unlabelled(policy, images, data):
    assert data.classes == () and len(data.x_train) == images
    return 0.2


def train_and_test(policy, seed, images, epochs, test):
    metrics = {"accuracy": 0.5 + 0.2 * worth(policy.hash) + 0.01 * worth(f"{seed}")}
    return metrics | ({"test_accuracy": metrics["accuracy"]} if test else {})


def transform_alone(policy, epochs):
    policy.to_transform()
    return 0.5


def broken(policy):
    raise ValueError("no such layer")


def forgetful(policy):
    return {"val_acc": 0.9}


def dies_once(policy, seed, images, epochs):
    import os
    import signal

    if not (mark := Path("died")).exists() and images == 40 and epochs > 1:
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return train(policy, seed, images, epochs, lambda *_, **__: None)


def sleeps_once(policy, seed, images, epochs):
    import time

    if not (mark := Path("slept")).exists() and epochs > 1:
        mark.touch()
        time.sleep(3600)
    return train(policy, seed, images, epochs, lambda *_, **__: None)
