"""One source under two names: what people said of it is done, what looks like it is asked about."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import combinations, islice
from typing import Any

import pandas as pd

from tinyai_registry.errors import TableError
from tinyai_registry.evaluation import CORPUS, DataSet
from tinyai_registry.lab.keys import by_name, fold
from tinyai_registry.recipe import Recipe

# Words of a clip's name that say how it is stored, not what it shows: rate, size, depth, sampling, container.
_STORED = re.compile(
    r"\d+(?:\.\d+)?(?:fps|hz|p|i|k|bit|bits|kbps|mbps)|\d+x\d+|(?:yuv|i)?4(?:00|20|22|44)p?\d*(?:le|be)?"
    r"|sd|u?hd|fhd|qhd|hdr\d*|sdr|ref|reference|src|orig|original|yuv|y4m|mp4|mkv|mov|webm"
)
# Of so many pairs a message counts how many there are.
MOST_TOLD = 100
_BETWEEN = re.compile(r"[\s_.\-]+")


def make_one(frame: pd.DataFrame, known: frozenset[str], data: DataSet, recipe: Recipe) -> pd.DataFrame:
    """``frame`` with each source of ``data`` under one name; ``known`` are all that its files have.

    Raises TableError if a name that ``data`` speaks of is nowhere, or two corpora have names that look like one source
    and nobody has said whether they are.
    """
    column = recipe.group
    names = frame[column]
    for name in (name for called in (*data.same, *data.distinct) for name in called if name not in known):
        raise TableError(f"{data}: tinyai.toml speaks of the source {name!a}, and column {column} has none such")
    first = {name: called[0] for called in data.same for name in called}
    if first:
        frame = frame.assign(**{column: _rename(names, first)})
    if data.corpora:
        _ask(frame, data, recipe)
    return frame


def _rename(names: pd.Series[Any], first: Mapping[str, str]) -> pd.Series[Any]:
    """``names``, each replaced by what ``first`` has in its place."""
    if not isinstance(names.dtype, pd.CategoricalDtype):
        return names.map(lambda name: first.get(name, name))
    places, categories = pd.factorize(names.cat.categories.map(lambda name: first.get(name, name)), sort=True)
    codes = by_name(names, lambda _: places.astype(names.cat.codes.to_numpy().dtype))
    return pd.Series(pd.Categorical.from_codes(codes, categories), names.index)


def _ask(frame: pd.DataFrame, data: DataSet, recipe: Recipe) -> None:
    """Raises TableError for names of two corpora that may be one source, of which ``data`` does not say it."""
    corpora: dict[str, set[str]] = defaultdict(set)
    for corpus in data.corpora:
        for name in frame[recipe.group].array[(frame[CORPUS] == corpus).to_numpy()].unique():
            corpora[str(name)].add(corpus)
    answered = [set(names) for names in data.distinct]
    asked = (
        (one, other)
        for one, other in _alike(corpora)
        if len(corpora[one] | corpora[other]) > 1 and not any({one, other} <= names for names in answered)
    )
    found = sorted(set(islice(asked, MOST_TOLD)))
    if found:
        one, other = found[0]
        said, more = json.dumps([[one, other]], ensure_ascii=False), len(found) - 1
        raise TableError(
            f"{data}: column {recipe.group} has {one!a} (corpus {min(corpora[one])}) and {other!a} (corpus "
            f"{max(corpora[other])}), which may be one source under two names, and that would be trained and tested on "
            f"at once; say so in tinyai.toml, [sources.{recipe.dataset}] same = {said}, or that they are two: "
            f"distinct = {said}" + (f" (there are {more} more such pairs)" if more else "")
        )


def _alike(corpora: Mapping[str, set[str]]) -> Iterator[tuple[str, str]]:
    """Pairs of names that are equal but for words on how a clip is stored, or of which one begins like the other.

    Names that are all of one corpus are passed over: whoever made it has told them apart.
    """
    words = {name: tuple(filter(None, _BETWEEN.split(fold(name)))) for name in corpora}
    by_stem: dict[tuple[str, ...], list[str]] = defaultdict(list)
    by_words: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name, said in words.items():
        by_words[said].append(name)
        by_stem[tuple(word for word in said if not _STORED.fullmatch(word)) or said].append(name)
    for like in by_stem.values():
        if len(set().union(*(corpora[name] for name in like))) > 1:
            yield from combinations(sorted(like), 2)
    for name, said in words.items():
        for end in range(1, len(said)):
            yield from ((min(name, short), max(name, short)) for short in by_words.get(said[:end], ()))
