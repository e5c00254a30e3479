"""Random recipes for property tests, with every noun of the language; a new noun belongs into its strategy here."""

from __future__ import annotations

from hypothesis import strategies as st

from tinyai_registry.recipe import (
    MLP,
    Adam,
    AdamW,
    CardText,
    Constant,
    Criterion,
    Ensemble,
    GroupKFold,
    HeldOut,
    Input,
    Int8,
    KFold,
    LeaveOneGroupOut,
    Log,
    Lookup,
    MeanBy,
    OneHot,
    PredefinedSplit,
    Protocol,
    Ratio,
    Recipe,
    RepeatedHoldout,
    Scaled,
    Tensor,
    Where,
)

WORDS = st.text("abcdefghij", min_size=1, max_size=4)
NUMBERS = st.floats(-1e9, 1e9, allow_nan=False)
SHARES = st.floats(0.01, 0.99)
COUNTS = st.integers(2, 9)
SEEDS = st.integers(0, 5)
COLUMNS = st.none() | WORDS

wheres = st.one_of(
    st.builds(Where, WORDS, st.sampled_from(("==", "!=")), WORDS | NUMBERS),
    st.builds(Where, WORDS, st.sampled_from(("<", "<=", ">", ">=")), NUMBERS | st.integers(-9, 9)),
    st.builds(
        Where,
        WORDS,
        st.just("in"),
        st.lists(WORDS, min_size=1, max_size=3).map(tuple) | st.lists(NUMBERS, min_size=1, max_size=3).map(tuple),
    ),
)

leave_one_out = st.builds(LeaveOneGroupOut, COLUMNS, st.none() | wheres)
group_k_fold = st.builds(GroupKFold, COUNTS, SEEDS, COLUMNS, st.none() | wheres)
schemes = st.one_of(
    leave_one_out,
    group_k_fold,
    st.builds(KFold, COUNTS, SEEDS, st.booleans()),
    st.builds(RepeatedHoldout, COUNTS, SHARES, SEEDS),
    st.builds(PredefinedSplit, WORDS, st.just("train"), st.just("dev"), st.sampled_from((None, "test", "held"))),
    st.builds(HeldOut, leave_one_out | group_k_fold, SHARES, SEEDS),
)
aggregates = st.sampled_from(("mean", "min", "max", "spread", "median"))
asked = (st.sampled_from(("plcc", "srocc", "rmse")), aggregates, st.sampled_from((">=", "<=")), NUMBERS)
criteria = st.builds(
    Criterion,
    *asked,
    st.sampled_from(("folds", "in-sample")),
    st.sampled_from((None, "difference", "ratio")),
)
# Those that a protocol may not have.
more_criteria = (
    criteria
    | st.builds(Criterion, *asked, against=st.just("previous"))
    | st.builds(Criterion, st.just("bytes"), *asked[1:], part=st.just("artifacts"))
)
networks = st.builds(
    MLP,
    st.lists(st.integers(1, 64), min_size=1, max_size=3).map(tuple),
    st.sampled_from(("gelu", "relu", "tanh")),
    st.floats(0, 0.9),
    st.none() | st.floats(0.1, 9),
    output_activation=st.sampled_from(("linear", "sigmoid", "softplus")),
    layer_norm=st.booleans(),
) | st.builds(MLP, st.just((8,)), bounded=st.just(True))
settings = (st.floats(1e-6, 1), st.floats(0, 1), st.integers(1, 512), st.integers(1, 90))
optimisers = st.builds(AdamW, *settings) | st.builds(Adam, *settings)
protocols = st.builds(
    Protocol,
    st.just("elsewhere"),
    schemes,
    st.sampled_from((None, "logistic4")),
    criteria=st.lists(criteria, max_size=2).map(tuple),
)


LIMITS = st.floats(1e-6, 0.5)
twins = st.builds(
    Int8,
    st.sampled_from(("static", "dynamic")),
    st.integers(1, 999),
    LIMITS,
    LIMITS,
    LIMITS,
    st.sampled_from(((), ("first",), ("first", "last"))),
)


@st.composite
def derived(draw, column):
    """One derived column called ``column``, or a one-hot of a column with that name."""
    of, keys = st.just(f"of_{column}"), st.sampled_from((None, f"key_of_{column}"))
    low = draw(st.integers(-9, 9))
    unknown = draw(st.booleans())
    values = draw(st.lists(WORDS, min_size=1, max_size=4, unique=True).map(tuple))
    kinds = {
        "Lookup": st.builds(Lookup, st.just(column), of, st.just(tuple((value, 1.0) for value in values))),
        "Scaled": st.builds(Scaled, st.just(column), of, st.just(low), st.just(low + 2), keys),
        "Log": st.builds(Log, st.just(column), of),
        "Ratio": st.builds(Ratio, st.just(column), of, WORDS),
        "Constant": st.builds(Constant, st.just(column), NUMBERS, keys),
        "OneHot": st.builds(
            OneHot,
            of,
            st.just(values),
            st.just(unknown),
            SHARES if unknown else st.just(0.0),
            keys,
            st.none() | st.integers(1, 9),
        ),
    }
    return draw(st.one_of(*kinds.values()))


@st.composite
def recipes(draw):
    """A recipe that contradicts itself nowhere."""
    made = tuple(draw(derived(f"made{number}")) for number in range(draw(st.integers(0, 3))))
    blocks = [("plain", tuple(draw(st.lists(WORDS, min_size=2, max_size=4, unique=True))))]
    blocks += [(f"block{number}", each.columns) for number, each in enumerate(made)]
    inputs = tuple(
        Input(name, columns, draw(st.booleans()), draw(st.sampled_from((None, f"{name}_layout"))))
        for name, columns in blocks
    )
    network = draw(st.none() | networks)
    if network is None and draw(st.booleans()):
        inputs += (Tensor("frame", tuple(draw(st.lists(st.integers(1, 64), min_size=1, max_size=3))), ("file",)),)
    low = draw(NUMBERS)
    return Recipe(
        id="random_v1",
        kind=draw(st.sampled_from(("fr", "nr", "filter"))),
        inputs=inputs,
        derived=made,
        rows=tuple(draw(st.lists(wheres, max_size=3))),
        target="the target",
        target_range=(low, low + draw(st.floats(1, 1e6))),
        key=tuple(draw(st.lists(WORDS, min_size=1, max_size=3))),
        group=draw(WORDS),
        clip=draw(WORDS),
        dataset=draw(WORDS),
        folds=draw(schemes),
        criteria=tuple(draw(st.lists(more_criteria, min_size=1, max_size=3))),
        reference=MeanBy(draw(WORDS)),
        protocols=tuple(draw(st.lists(protocols, max_size=1))),
        architecture=network,
        training=draw(st.none() | optimisers),
        ensemble=draw(st.none() | st.builds(Ensemble, COUNTS, st.booleans())),
        seed=draw(SEEDS),
        output=draw(st.sampled_from(("score", "vmaf"))),
        opset=draw(st.integers(17, 19)),
        scaler_in_graph=draw(st.booleans()),
        missing=draw(st.sampled_from(("refuse", "median"))),
        batch=draw(st.sampled_from(("dynamic", "one"))),
        output_rank=draw(st.sampled_from((1, 2))),
        twins=tuple(draw(st.lists(twins, max_size=1))),
        license="MIT",
        dataset_license="CC0-1.0",
        decision="ADR-0001",
        card=CardText("Random", "It is random.", "Tests.", "It never leaves."),
    )
