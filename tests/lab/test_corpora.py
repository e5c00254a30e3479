"""A table of several files: read one by one, put together, and each source under one name."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tinyai_registry.errors import TableError
from tinyai_registry.evaluation import DataSet
from tinyai_registry.lab.table import read_table
from tinyai_registry.lab.table_file import digest
from tinyai_registry.recipe import Where


@pytest.fixture
def corpora(frame, tmp_path):
    """Writes two frames as the corpora ``one`` and ``two``; by default the second has a third of the rows."""

    def write(one=lambda f: f, two=lambda f: f[f.frame_index % 3 == 0], **said):
        files = {}
        for corpus, change in (("two", two), ("one", one)):
            files[corpus] = tmp_path / f"{corpus}.parquet"
            change(frame).to_parquet(files[corpus])
        return DataSet(files, **said)

    return write


def renamed(old, new):
    return lambda frame: frame.assign(source=frame.source.replace(old, new))


def test_corpus_is_a_column_and_each_file_has_a_fingerprint(recipe, frame, corpora):
    data = corpora()
    table = read_table(data, recipe)
    counts = table.frame.corpus.value_counts().to_dict()
    third = int((frame.frame_index % 3 == 0).sum())
    assert counts == {"one": len(frame), "two": third}
    assert table.frame.index.tolist() == list(range(len(frame) + third))
    known = table.fingerprint
    assert (known.file, known.rows, known.rows_used) == (
        "one.parquet + two.parquet",
        len(table.frame),
        len(table.frame),
    )
    assert [(c.corpus, c.file, c.rows, c.rows_used) for c in known.corpora] == [
        ("one", "one.parquet", len(frame), len(frame)),
        ("two", "two.parquet", third, third),
    ]
    assert known.corpora[1].target_max == frame[frame.frame_index % 3 == 0].vmaf.max()


def test_the_digest_is_that_of_the_lines_of_sha256sum_by_corpus(recipe, corpora):
    data = corpora(same=(("RedMaples", "CityNight"),))
    lines = [f"{hashlib.sha256(data.corpora[name].read_bytes()).hexdigest()}  {name}\n" for name in ("one", "two")]
    lines.append('["RedMaples", "CityNight"]\n')
    wanted = hashlib.sha256("".join(lines).encode()).hexdigest()
    assert read_table(data, recipe).fingerprint.sha256 == digest(data) == wanted
    assert digest(replace(data, distinct=(("RedMaples", "BigBuckBunny"),))) == wanted
    assert digest(replace(data, same=())) != wanted


def test_a_clip_in_two_corpora_is_two_clips_of_one_group(recipe, frame, corpora):
    table = read_table(corpora(), recipe)
    alone = frame[["source", "dis_basename"]].drop_duplicates()
    assert table.fingerprint.clips == 2 * len(alone)
    assert len(table.fingerprint.groups) == frame.source.nunique()


def test_rows_may_be_chosen_by_corpus(recipe, frame, corpora):
    table = read_table(corpora(), replace(recipe, rows=(Where("corpus", "==", "one"),)))
    assert set(table.frame.corpus) == {"one"}
    assert [(c.rows_used, c.target_mean is None) for c in table.fingerprint.corpora] == [(len(frame), False), (0, True)]


REFUSED = {
    "a column that one lacks": ({"two": lambda f: f.drop(columns="adm2")}, ["two.parquet lacks the column adm2"]),
    "a corpus column of its own": (
        {"two": lambda f: f.assign(corpus="x")},
        ["two.parquet has a column corpus of its own, and tinyai.toml calls it two"],
    ),
    "a bad cell, with its row in its file": (
        {"two": lambda f: f.assign(adm2=f.adm2.where(np.arange(len(f)) != 5))},
        ["two.parquet: column adm2 is NaN", "first in row 5"],
    ),
    "the same bytes": ({"two": lambda f: f}, ["the corpora one and two are one file, byte for byte; drop one of them"]),
    "another teacher": (
        {"one": lambda f: f.assign(teacher_model="vmaf_v0.6.1"), "two": lambda f: f.assign(teacher_model="other")},
        ["one.parquet has the teacher_model vmaf_v0.6.1", "two.parquet has other", "a table has one"],
    ),
    "another scale": ({"two": lambda f: f.assign(vmaf=f.vmaf / 100)}, ["two.parquet: column vmaf", "sliver"]),
    "a source of another rate": (
        {"two": renamed("RedMaples", "RedMaples_25fps")},
        [
            "column source has 'RedMaples' (corpus one) and 'RedMaples_25fps' (corpus two)",
            'tinyai.toml, [sources.stand-in] same = [["RedMaples", "RedMaples_25fps"]]',
            'distinct = [["RedMaples", "RedMaples_25fps"]]',
        ],
    ),
    "two rates of one source": (
        {"one": renamed("RedMaples", "RedMaples_30fps"), "two": renamed("RedMaples", "redmaples-1920x1080")},
        ["'RedMaples_30fps' (corpus one) and 'redmaples-1920x1080' (corpus two)", "one source under two names"],
    ),
    "a source that begins like another": (
        {"two": renamed("CityNight", "RedMaples_Autumn")},
        ["'RedMaples' (corpus one) and 'RedMaples_Autumn' (corpus two)"],
    ),
    "a source in other letters": ({"two": renamed("RedMaples", "REDMAPLES")}, ["'REDMAPLES'", "'RedMaples'"]),
    "an answer about a source that is nowhere": (
        {"same": (("RedMaples", "Reed"),)},
        ["tinyai.toml speaks of the source 'Reed', and column source has none such"],
    ),
}


@pytest.mark.parametrize(("changes", "words"), REFUSED.values(), ids=REFUSED)
def test_corpora_with_this_are_refused_in_one_line(recipe, corpora, changes, words):
    with pytest.raises(TableError) as refused:
        read_table(corpora(**changes), recipe)
    message = str(refused.value)
    assert [word for word in words if word not in message] == []
    assert "\n" not in message


def test_a_source_under_two_names_is_one_or_two_as_people_say(recipe, frame, corpora):
    two, names = renamed("RedMaples", "RedMaples_25fps"), (("RedMaples", "RedMaples_25fps"),)
    one = read_table(corpora(two=two, same=names), recipe)
    assert one.fingerprint.same == names
    assert len(one.fingerprint.groups) == frame.source.nunique()
    assert (one.groups == "RedMaples").sum() == 2 * (frame.source == "RedMaples").sum()
    apart = read_table(corpora(two=two, distinct=names), recipe)
    assert {"RedMaples", "RedMaples_25fps"} <= set(apart.fingerprint.groups)
    assert apart.fingerprint.same == ()


def test_numbered_sources_are_not_asked_about(recipe, corpora):
    numbered = {name: [f"clip_{k}" for k in range(11)] for name in ("one", "two")}
    numbered["two"] = [f"clip_{k}" for k in range(11, 22)]

    def as_numbers(corpus):
        return lambda f: f.assign(
            source=pd.Series(pd.factorize(f.source)[0], f.index).map(dict(enumerate(numbered[corpus])))
        )

    assert len(read_table(corpora(one=as_numbers("one"), two=as_numbers("two")), recipe).fingerprint.groups) == 22


def test_one_file_is_read_as_ever(recipe, frame, write_table):
    path = write_table(frame)
    table = read_table(DataSet(path), recipe)
    assert "corpus" not in table.frame
    assert (table.fingerprint.corpora, table.fingerprint.same) == ((), ())
    assert table.fingerprint == read_table(path, recipe).fingerprint


# --- the rows that a recipe asks for


def test_a_recipe_chooses_rows_and_the_fingerprint_stays_that_of_the_file(recipe, frame, write_table):
    path = write_table(frame)
    where = (Where("frame_index", "<", 60), Where("source", "!=", "RedMaples"))
    found = read_table(path, replace(recipe, rows=where))
    wanted = frame[(frame.frame_index < 60) & (frame.source != "RedMaples")]
    assert (
        found.frame[["source", "frame_index"]].to_numpy().tolist()
        == wanted[["source", "frame_index"]].to_numpy().tolist()
    )
    known = found.fingerprint
    assert (known.sha256, known.rows, known.rows_used) == (digest(path), len(frame), len(wanted))
    assert known.target_mean == pytest.approx(wanted.vmaf.mean())


def test_rows_that_are_not_asked_for_may_be_anything_and_those_that_are_keep_their_number(recipe, frame, write_table):
    broken = frame.assign(adm2=frame.adm2.where(frame.source != "RedMaples"))
    late = broken.sort_values("source", key=lambda s: s != "RedMaples").reset_index(drop=True)
    rows = (Where("source", "!=", "RedMaples"),)
    assert len(read_table(write_table(late), replace(recipe, rows=rows)).frame) == int(
        (frame.source != "RedMaples").sum()
    )
    late.loc[late.index[-1], "motion2"] = np.inf
    with pytest.raises(TableError, match=rf"first in row {len(late) - 1};"):
        read_table(write_table(late), replace(recipe, rows=rows))


def test_rows_that_nobody_has_are_refused(recipe, frame, write_table):
    with pytest.raises(TableError, match=r"there is no row where source == 'Nobody', as small_v1 asks for"):
        read_table(write_table(frame), replace(recipe, rows=(Where("source", "==", "Nobody"),)))
    with pytest.raises(TableError, match=r"table\.parquet: column source has text"):
        read_table(write_table(frame), replace(recipe, rows=(Where("source", ">", 1),)))
