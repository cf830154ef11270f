"""Parameters behind a name: none is dropped in silence, whatever the name is of."""

from __future__ import annotations

import pytest

from policysearch.core.errors import UserError
from policysearch.rules.registry import parse_rule
from policysearch.study.adversarial import parse_adversarial
from policysearch.study.autoaugment_rl.settings import parsed_settings
from policysearch.study.density_settings import density_settings
from policysearch.study.populations.settings import parse_population
from policysearch.study.pruning.registry import must_name_a_pruner


@pytest.mark.parametrize(
    ("parse", "spec"),
    [
        (parse_rule, "discounted-ucb:gamma=0.9,c=1,gamma=0.8"),
        (parse_adversarial, "adversarial:policies=2,policies=4"),
        (parse_population, "pba:population=2,population=4"),
        (density_settings, "density:folds=2,folds=3"),
        (parsed_settings, "autoaugment-rl:batch=5,batch=5"),
        (must_name_a_pruner, "paired:level=0.05,level=0.1"),
    ],
)
def test_a_parameter_that_is_given_twice_is_refused(parse, spec):
    with pytest.raises(UserError, match="is given twice"):
        parse(spec)
