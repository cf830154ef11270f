"""The losses a child can be trained with, for soft targets and one weight per image.

Every loss here is a mean over the batch of w·l(logits, target). For a one-hot target and weight 1 `l` is the formula
of the paper named.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Protocol

import torch
from torch import Tensor

from policysearch.augmentation import soft_loss
from policysearch.policy.losses import Loss

_FIXED_POINT_STEPS = 10


class TrainingLoss(Protocol):
    """What a training minimises; it may learn from one epoch to the next, so every training makes its own.

    Attributes:
        state: what it has learned, by name, such that a loss made alike goes on once it is set there.
    """

    state: dict[str, Tensor]

    def __call__(self, logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """The loss of one batch.

        Args:
            logits: [B, C] float.
            targets: [B, C] float, rows sum to 1.
            weights: [B] float, 0 or more.

        Returns:
            [] float, 0 or more.
        """

    def end_epoch(self) -> None:
        """Learn from the epoch that ends; called after every pass over the training images."""


@dataclass
class _Fixed:
    """A loss that is the same in every epoch; its state is empty."""

    function: Callable[[Tensor, Tensor, Tensor], Tensor]
    state: dict[str, Tensor] = field(default_factory=dict, init=False)

    def __call__(self, logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        return self.function(logits, targets, weights)

    def end_epoch(self) -> None: ...


def label_smoothing(logits: Tensor, targets: Tensor, weights: Tensor, *, alpha: float) -> Tensor:
    """Label smoothing, Szegedy et al. 2016, section 7: targets become (1 - alpha)·t + alpha/C.

    Args:
        logits: [B, C] float.
        targets: [B, C] float, rows sum to 1; what softening has spread already is spread further.
        weights: [B] float, 0 or more.
        alpha: in [0, 1).

    Returns:
        The mean of w·KL(smoothed target || p): the paper's cross-entropy less the smoothed target's entropy, in
        which the network has no part, so that the gradients are the same.
    """
    return soft_loss(logits, targets, weights, alpha)


def focal(logits: Tensor, targets: Tensor, weights: Tensor, *, gamma: float) -> Tensor:
    """Focal loss, Lin et al. 2017, equation 4 (without the α of equation 5): -(1 - p)^gamma·log p.

    For soft targets the mean of it over classes, sum_c t_c·(1 - p_c)^gamma·(-log p_c).

    Args:
        logits: [B, C] float.
        targets: [B, C] float, rows sum to 1.
        weights: [B] float, 0 or more.
        gamma: 0 or more; 0 is cross-entropy.
    """
    log_p = torch.log_softmax(logits, 1)
    others = (-torch.expm1(log_p)).clamp(min=torch.finfo(log_p.dtype).tiny)  # 0^gamma has no finite slope below gamma 1
    return (weights * (targets * others**gamma * -log_p).sum(1)).mean()


def bi_tempered(
    logits: Tensor, targets: Tensor, weights: Tensor, *, t1: float, t2: float, smoothing: float = 0.0
) -> Tensor:
    """Bi-tempered logistic loss, Amid et al. 2019.

    With p the tempered softmax of temperature t2 it is

    sum_c t_c·(log_t1 t_c - log_t1 p_c) - (t_c^(2 - t1) - p_c^(2 - t1))/(2 - t1),  log_t x = (x^(1 - t) - 1)/(1 - t).

    as in the paper for soft targets; t1 = t2 = 1 is KL(target || softmax).

    Args:
        logits: [B, C] float.
        targets: [B, C] float, rows sum to 1.
        weights: [B] float, 0 or more.
        t1: temperature of the logarithm in [0, 1]; below 1 the loss is bounded.
        t2: temperature of the softmax, 1 or more; above 1 its tail is heavy.
        smoothing: in [0, 1), as `alpha` of `label_smoothing`; the authors' code spares the target's own class.
    """
    targets = targets * (1 - smoothing) + smoothing / targets.shape[1]
    log_p = tempered_log_softmax(logits, t2)
    log_targets = targets.log()
    logarithms = torch.where(targets > 0, targets * (_tempered(log_targets, t1) - _tempered(log_p, t1)), 0)
    powers = ((2 - t1) * log_targets).exp() - ((2 - t1) * log_p).exp()
    return (weights * (logarithms - powers / (2 - t1)).sum(1)).mean()


def _tempered(log_x: Tensor, t: float) -> Tensor:
    """log_t x, from log x."""
    return log_x if t == 1 else torch.expm1((1 - t) * log_x) / (1 - t)


def tempered_log_softmax(logits: Tensor, t: float) -> Tensor:
    """The logarithm of the tempered softmax, Amid et al. 2019: p_c = exp_t(a_c - λ), λ such that p sums to 1.

    λ comes from the paper's fixed-point iteration (its Algorithm 1) and two steps of Newton's method, the last of
    which carries the gradient: dλ/da_c = p_c^t / sum_j p_j^t.

    Args:
        logits: a, [B, C] float.
        t: the temperature, 1 or more; 1 is log_softmax.

    Returns:
        [B, C] float; the p of a row sum to 1 within 1e-5, and within rounding where t is 2 or less.
    """
    if t == 1:
        return torch.log_softmax(logits, 1)
    below = logits - logits.detach().amax(1, keepdim=True)
    with torch.no_grad():
        level = _newton(below, _fixed_point(below, t), t).clamp(min=0)
    return _log_exp_t(below - _newton(below, level, t), t)


def _log_exp_t(x: Tensor, t: float) -> Tensor:
    """log exp_t(x) = log(1 + (1 - t)·x)/(1 - t) for t above 1 and x at most 0."""
    return torch.log1p((1 - t) * x) / (1 - t)


def _fixed_point(below: Tensor, t: float) -> Tensor:
    """λ [B, 1] of logits whose largest is 0: ã <- Z(ã)^(1 - t)·a, then λ = -log_t(1/Z(ã))."""
    scaled = below
    for _ in range(_FIXED_POINT_STEPS):
        scaled = below * torch.exp((1 - t) * _log_total(scaled, t))
    return torch.expm1((t - 1) * _log_total(scaled, t)) / (t - 1)


def _log_total(x: Tensor, t: float) -> Tensor:
    return torch.logsumexp(_log_exp_t(x, t), 1, keepdim=True)


def _newton(below: Tensor, level: Tensor, t: float) -> Tensor:
    """One step towards sum_c exp_t(a_c - λ) = 1; exp_t' = exp_t^t."""
    log_p = _log_exp_t(below - level, t)
    return level + (log_p.exp().sum(1, keepdim=True) - 1) / (t * log_p.detach()).exp().sum(1, keepdim=True)


class OnlineLabelSmoothing:
    """Online label smoothing, Zhang et al. 2021: alpha·CE(target, p) + (1 - alpha)·CE(S[label], p).

    S^0 is uniform. S of the next epoch has for each class the mean prediction on its images that were classified
    correctly, under augmentation and while training; a class without one keeps its row. For a soft target the second
    term's target is target @ S, and an image that is taken for class c counts in row c with w·t_c, its weight
    times what the target gives to c: 1 for a one-hot target that is met, 0 for one that is missed.

    Args:
        alpha: weight of the first term, in [0, 1].
        num_classes: C.
        device: where logits will be.
    """

    def __init__(self, alpha: float, num_classes: int, device: torch.device) -> None:
        self._alpha = alpha
        self.rows = torch.full((num_classes, num_classes), 1 / num_classes, device=device)
        self._sums = torch.zeros_like(self.rows)

    @property
    def state(self) -> dict[str, Tensor]:
        """S, and the sums of the epoch that is under way."""
        return {"rows": self.rows, "sums": self._sums}

    @state.setter
    def state(self, state: dict[str, Tensor]) -> None:
        device = self.rows.device
        self.rows, self._sums = (state[name].to(device, copy=True) for name in ("rows", "sums"))  # sums grow in place

    def __call__(self, logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """As for `TrainingLoss`; what the network predicts is remembered for the next epoch."""
        log_p = torch.log_softmax(logits, 1)
        mixed = self._alpha * targets + (1 - self._alpha) * (targets @ self.rows.to(targets.dtype))
        self._remember(log_p.detach().exp(), targets, weights)
        return (weights * -(mixed * log_p).sum(1)).mean()

    def _remember(self, p: Tensor, targets: Tensor, weights: Tensor) -> None:
        taken = torch.nn.functional.one_hot(p.argmax(1), p.shape[1])
        shares = taken * targets * weights[:, None]
        self._sums += (shares.T @ p).to(self._sums.dtype)

    def end_epoch(self) -> None:
        """Take the S of the epoch that ends in place of the one before."""
        counts = self._sums.sum(1, keepdim=True)
        self.rows = torch.where(counts > 0, self._sums / counts, self.rows)
        self._sums = torch.zeros_like(self._sums)


_FIXED: Mapping[str, Callable[..., Tensor]] = MappingProxyType(
    {"label-smoothing": label_smoothing, "focal": focal, "bi-tempered": bi_tempered}
)
_LEARNING: Mapping[str, Callable[..., TrainingLoss]] = MappingProxyType(
    {"online-label-smoothing": OnlineLabelSmoothing}
)


def make_loss(loss: Loss | None, num_classes: int, device: torch.device, label_smoothing: float = 0.0) -> TrainingLoss:
    """Make the loss of one training, called as (logits [B, C], targets [B, C], weights [B]) -> [].

    Args:
        loss: which; None is `soft_loss`, KL with one weight per image.
        num_classes: C.
        device: where logits will be.
        label_smoothing: in [0, 1), for `soft_loss` alone; an arm's loss has its own.

    Example:
        >>> from policysearch.policy.losses import Focal
        >>> logits, targets = torch.zeros(1, 2), torch.tensor([[1.0, 0.0]])
        >>> focal = make_loss(Focal(gamma=2.0), num_classes=2, device=torch.device("cpu"))
        >>> round(float(focal(logits, targets, torch.ones(1))), 4)  # (1 - 0.5)² · log 2
        0.1733
    """
    if loss is None:
        return _Fixed(partial(soft_loss, label_smoothing=label_smoothing))
    if loss.kind in _LEARNING:
        return _LEARNING[loss.kind](**loss.settings, num_classes=num_classes, device=device)
    return _Fixed(partial(_FIXED[loss.kind], **loss.settings))
