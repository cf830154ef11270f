"""DADA's genotypes: lists of its published form, of which a file may hold several, and logs of its search."""

from __future__ import annotations

import ast
import re
from typing import Any

from policysearch.core.errors import UserError, unknown_name
from policysearch.export import from_fast_autoaugment
from policysearch.export.autoaugment_lists import names_of_lists, policy_of, policy_of_data
from policysearch.policy.policy import Policy
from policysearch.policy.steps import Step

_LINE = re.compile(r"(genotype_\d+): (\[.*\])\s*$", re.MULTILINE)
_USUAL = "genotype_25"
_NOTE = "DADA's authors augment after their flip and crop and cut a square out at the end, which no genotype says"


def names(text: str, name: str) -> list[str]:
    """The genotypes of a file that holds several; those of a log are of one search, of which 25 steps are usual."""
    return [] if _LINE.search(text) else names_of_lists(text, name)


def read(text: str, name: str, which: str | None = None) -> tuple[Policy, list[str]]:
    """A policy, and in what it is not the same.

    Args:
        text: JSON, Python of which one list is read and nothing run, or the log of a search, whose last lines hold the
            genotype with as many sub-policies as its name says.
        name: what the text is called in complaints.
        which: the list of a file that holds several, such as CIFAR10; of a log genotype_25 unless given.

    Raises:
        UserError: it is no such list; the message names the entry.
    """
    logged = {match[1]: match[2] for match in _LINE.finditer(text)}
    if not logged:
        policy = policy_of(text, name, _step, which)
    else:
        genotype = which or (_USUAL if _USUAL in logged else list(logged)[-1])
        if genotype not in logged:
            raise UserError(f"{name}: {unknown_name('genotype', genotype, logged)}")
        policy = policy_of_data(_literal(logged[genotype], name), name, _step)
    return policy, [*from_fast_autoaugment.NOTES, _NOTE]


def _literal(text: str, name: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as error:
        raise UserError(f"{name} has a genotype that is no data ({str(error)[:80]})") from None


def _step(operation: str, probability: float, level: Any) -> Step:
    """Levels outside of [0, 1] are cut off, as the authors' code does."""
    if isinstance(level, int | float) and not isinstance(level, bool):
        level = min(1.0, max(0.0, float(level)))
    return from_fast_autoaugment.step_at(operation, probability, level)
