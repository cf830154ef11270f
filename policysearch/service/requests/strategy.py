"""Strategies that a request may give: rules of the table and Optuna's samplers, with numbers as parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from policysearch.core.errors import UserError, unknown_name
from policysearch.rules import RULES
from policysearch.rules.registry import parse_rule
from policysearch.service.requests.plugins import is_of_plugin, must_be_in_plugin
from policysearch.study.further_strategies import FURTHER
from policysearch.study.populations.settings import POPULATIONS, parse_population

SAMPLERS = ("BruteForce", "CmaEs", "GP", "NSGAII", "NSGAIII", "QMC", "Random", "TPE")
"""Optuna's samplers that suit a space: by name, so that the server need not import Optuna."""

_NUMBER = r"[+-]?(?:\d{1,12}(?:\.\d{0,12})?|\.\d{1,12})(?:e[+-]?\d{1,2})?"
_PARAMETERS = re.compile(rf"[a-z_]{{1,32}}={_NUMBER}(?:,[a-z_]{{1,32}}={_NUMBER})*", re.ASCII)


def must_be_listed(text: str, plugins: Mapping[str, Path]) -> None:
    """Check a strategy: NAME, NAME:parameter=value,..., tpe, optuna:SAMPLER or PLUGIN:FUNCTION.

    Raises:
        UserError: it is none of these, or a parameter is unknown or out of range.
    """
    name, colon, rest = text.partition(":")
    if name == "tpe":
        if colon:
            raise UserError(f"strategy tpe takes no parameters, got {rest!r}")
    elif name == "optuna":
        samplers = {sampler.lower() for sampler in SAMPLERS}
        if rest.lower().removesuffix("sampler") not in samplers:
            raise unknown_name("Optuna sampler", rest, SAMPLERS)
    elif name in FURTHER:
        FURTHER[name].check(text)
    elif name in RULES:
        if colon and not _PARAMETERS.fullmatch(rest):
            raise UserError(f"parameters of a strategy are numbers, as in ucb:c=0.5, got {rest!r}")
        parse_rule(text, "strategy")
    elif name in POPULATIONS:
        parse_population(text)
    elif is_of_plugin(text, plugins):
        must_be_in_plugin(text, plugins)
    else:
        raise unknown_name(
            "strategy", name, [*RULES, *POPULATIONS, *FURTHER, "tpe", "optuna:SAMPLER", "PLUGIN:FUNCTION"]
        )
