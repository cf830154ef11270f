"""Hypothesis strategies for policies and their parts."""

from __future__ import annotations

from hypothesis import strategies as st

from policysearch.policy.adaptive import ADAPTIVE_RULES, Adaptive
from policysearch.policy.class_parts import ClassPart
from policysearch.policy.mixes import MIXES, Mix, Mixture
from policysearch.policy.operations import OPERATIONS
from policysearch.policy.pairs import Pair
from policysearch.policy.policy import Policy, Stage
from policysearch.policy.softening import Curve, Softening
from policysearch.policy.steps import Normal, OneOf, SomeOf, Step, SubPolicy, Uniform


def magnitudes(row):
    number = st.floats(row.low, row.high)
    return (
        number
        | st.builds(Uniform, start=number, stop=number, levels=st.none() | st.integers(2, 50))
        | st.builds(Normal, mean=number, std=st.floats(0, 1e3))
    )


@st.composite
def steps(draw):
    row = OPERATIONS[draw(st.sampled_from(sorted(OPERATIONS)))]
    magnitude = draw(magnitudes(row)) if row.has_magnitude else None
    return Step(operation=row.name, probability=draw(st.floats(0, 1)), magnitude=magnitude)


some_steps = st.lists(steps(), min_size=1, max_size=3).map(tuple)


COUNTS = [(0.0, 1.0), (0.2, 0.3, 0.5), (0.5, 0.0, 0.25, 0.25)]


@st.composite
def some_of(draw):
    chosen = draw(some_steps)
    return SomeOf(some_of=chosen, counts=draw(st.sampled_from(COUNTS[: len(chosen)])))


sub_policies = st.builds(
    SubPolicy,
    steps=st.lists(
        steps() | st.builds(OneOf, one_of=some_steps) | some_of(),
        max_size=3,
    ).map(tuple),
    weight=st.floats(0.01, 10),
)


some_sub_policies = st.lists(sub_policies, min_size=1, max_size=3).map(tuple)


curves = st.builds(Curve, k=st.floats(0.1, 9), p_min=st.none() | st.floats(0, 1))


softenings = st.builds(
    Softening,
    k=st.floats(0.1, 9),
    p_min=st.none() | st.floats(0, 1),
    mode=st.sampled_from(["off", "target", "weight", "both"]),
    operations=st.none() | st.dictionaries(st.sampled_from(sorted(OPERATIONS)), curves, max_size=2),
    normalise=st.booleans(),
)


mixes = st.sampled_from(sorted(set(MIXES) - {"snapmix"})).flatmap(
    lambda name: st.builds(
        Mix,
        operation=st.just(name),
        probability=st.floats(0, 1),
        alpha=st.none() | st.floats(0.1, 10) if MIXES[name].alpha else st.none(),
    )
)


fixed_policies = st.builds(
    Policy,
    sub_policies=some_sub_policies,
    softening=st.none() | softenings,
    mix=st.none() | mixes,
    mixture=st.none() | st.builds(Mixture, width=st.integers(1, 3), alpha=st.floats(0.1, 9)),
    stages=st.lists(
        st.builds(Stage, start=st.floats(0.01, 0.99), sub_policies=some_sub_policies, mix=st.none() | mixes),
        max_size=2,
        unique_by=lambda stage: stage.start,
    ).map(lambda found: tuple(sorted(found, key=lambda stage: stage.start))),
)


TURNED = Step(operation="rotate", magnitude=Uniform(start=0, stop=30))
"""A step with something to adapt."""
adaptive_policies = st.builds(
    Policy,
    sub_policies=some_sub_policies.map(lambda subs: (*subs, SubPolicy(steps=(TURNED,)))),
    softening=st.none() | softenings,
    adaptive=st.sampled_from(sorted(ADAPTIVE_RULES)).flatmap(
        lambda rule: st.builds(
            Adaptive,
            rule=st.just(rule),
            warmup=st.none() if ADAPTIVE_RULES[rule].warmup is None else st.none() | st.floats(0, 0.9),
        )
    ),
)
class_parts = st.builds(ClassPart, sub_policies=some_sub_policies) | st.builds(
    ClassPart, softening=softenings.map(lambda curve: curve.model_copy(update={"normalise": False}))
)
"""What some class has of its own."""
policies_by_class = st.builds(
    Policy,
    sub_policies=some_sub_policies,
    softening=st.none() | softenings,
    mix=st.none() | mixes,
    mixture=st.none() | st.builds(Mixture, width=st.integers(1, 3), alpha=st.floats(0.1, 9)),
    classes=st.dictionaries(st.sampled_from("012"), class_parts, min_size=1, max_size=2),
)
CROPPED = Step(operation="resized-crop", magnitude=Uniform(start=0.2, stop=1))
"""A step that leaves out a part of the image, so that there is something to weigh."""
pair_policies = st.builds(
    Policy,
    sub_policies=some_sub_policies.map(lambda subs: (*subs, SubPolicy(steps=(CROPPED,)))),
    pair=st.builds(
        Pair,
        weight=st.sampled_from(["off", "sa1", "sa2"]),
        k=st.floats(0.1, 9),
        p_min=st.floats(0, 1, exclude_max=True),
    ),
    stages=st.builds(Stage, start=st.floats(0.01, 0.99), sub_policies=some_sub_policies).map(lambda stage: (stage,))
    | st.just(()),
)
"""For two views of images without labels."""
policies = fixed_policies | adaptive_policies
