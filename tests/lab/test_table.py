"""The table contract: what is read, and every way in which a table is refused."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tinyai_registry.errors import TableError
from tinyai_registry.lab import parquet, table_file
from tinyai_registry.lab.folds import plan
from tinyai_registry.lab.table import read_table
from tinyai_registry.lab.table_file import digest
from tinyai_registry.recipe import Input, LeaveOneGroupOut, Lookup, one_hot


def spoilt(column, value, rows=(7, 11)):
    """A frame with ``value`` in two cells of ``column``."""

    def spoil(frame):
        cells = frame[column].astype(object if value is None else frame[column].dtype).copy()
        cells.iloc[list(rows)] = value
        return frame.assign(**{column: cells})

    return spoil


def numeric(column, value):
    return lambda frame: frame.assign(**{column: [value] * len(frame)})


def mixed(column, first, second):
    return lambda frame: frame.assign(**{column: [first] * 100 + [second] * (len(frame) - 100)})


REFUSED = {
    "a missing feature": (lambda f: f.drop(columns="adm2"), ["lacks the column adm2", "small_v1 needs", "vif_scale0"]),
    "two missing columns": (lambda f: f.drop(columns=["adm2", "vmaf"]), ["lacks", "adm2", "vmaf"]),
    "a missing target": (lambda f: f.drop(columns="vmaf"), ["lacks the column vmaf"]),
    "a missing key": (lambda f: f.drop(columns="frame_index"), ["lacks the column frame_index"]),
    "a missing group": (lambda f: f.drop(columns="source"), ["lacks the column source"]),
    "a feature of text": (lambda f: f.assign(adm2=f.adm2.astype(str)), ["adm2", "not numeric", "convert it"]),
    "a target of text": (numeric("vmaf", "high"), ["vmaf", "not numeric", "convert it"]),
    "a feature of booleans": (numeric("adm2", True), ["adm2", "bool", "not numeric", "convert it"]),
    "a feature of dates": (numeric("adm2", pd.Timestamp("2026-05-20")), ["adm2", "timestamp[", "not numeric"]),
    "a feature of lists": (numeric("adm2", [0.5]), ["adm2", "list<", "flatten it"]),
    "a feature of objects": (numeric("adm2", {"x": 0.5}), ["adm2", "struct<", "flatten it"]),
    "a feature beyond float32": (spoilt("adm2", 1e39), ["adm2 is 1e+39 in row 7", "float32", "repair or drop"]),
    "a feature at the end of a double": (spoilt("adm2", -1e308), ["adm2 is -1e+308 in row 7", "float32"]),
    "a target at the end of a double": (spoilt("vmaf", 1e308), ["vmaf is 1e+308 in row 7", "float32", "repair"]),
    "a NaN feature": (spoilt("adm2", np.nan), ["adm2", "NaN", "2 rows", "row 7", "repair or drop"]),
    "an infinite feature": (spoilt("motion2", np.inf), ["motion2", "infinite", "2 rows", "row 7", "repair"]),
    "a negative infinite feature": (spoilt("motion2", -np.inf), ["motion2", "infinite", "2 rows", "row 7"]),
    "a null feature": (spoilt("vif_scale1", None), ["vif_scale1", "null", "2 rows", "row 7", "repair or drop"]),
    "a feature that is null everywhere": (numeric("adm2", None), ["adm2 is null, not numeric", "convert it"]),
    "a NaN target": (spoilt("vmaf", np.nan), ["vmaf", "NaN", "2 rows", "row 7", "repair or drop"]),
    "a null target": (spoilt("vmaf", None), ["vmaf", "null", "2 rows", "row 7", "repair or drop"]),
    "an infinite target": (spoilt("vmaf", np.inf, [0]), ["vmaf", "infinite", "1 row", "row 0", "repair or drop"]),
    "a null key": (spoilt("frame_index", None), ["frame_index", "null in 2 rows", "row 7", "must say"]),
    "a null group": (spoilt("source", None), ["source", "null in 2 rows", "row 7", "must say"]),
    "a null clip": (spoilt("dis_basename", None), ["dis_basename", "null in 2 rows", "row 7", "must say"]),
    "a duplicate key": (
        lambda f: pd.concat([f, f.iloc[[3, 5]]]),
        ["2 rows repeat the key (source, dis_basename, frame_index)", "row 1368", "drop the repeats"],
    ),
    "a group of lists": (numeric("source", ["x"]), ["source", "list<", "flatten it"]),
    "a key that is null everywhere": (numeric("frame_index", None), ["frame_index is null in 1368 rows", "row 0"]),
    "a blank clip": (spoilt("dis_basename", " \t"), ["dis_basename is blank in 2 rows", "row 7", "must say"]),
    "one group": (lambda f: f[f.source == "RedMaples"], ["source", "one group", "RedMaples", "two or more"]),
    "no rows": (lambda f: f[:0], ["has no rows"]),
    "two teachers": (
        mixed("teacher_model", "vmaf_v0.6.1", "vmaf_4k_v0.6.1"),
        ["teacher_model has 2 values", "vmaf_v0.6.1, vmaf_4k_v0.6.1", "split it"],
    ),
    "two extractors": (mixed("extractor", "3.1.0", "3.2.0"), ["extractor has 2 values", "3.1.0, 3.2.0", "split"]),
    "an extractor that is named in some rows only": (mixed("extractor", "3.1.0", None), ["extractor has 2 values"]),
}


@pytest.mark.parametrize(("spoil", "words"), REFUSED.values(), ids=REFUSED)
def test_a_table_with_this_is_refused_in_one_line(read, frame, spoil, words):
    with pytest.raises(TableError) as refused:
        read(spoil(frame))
    message = str(refused.value)
    assert "table.parquet" in message
    assert [word for word in words if word not in message] == []
    assert "\n" not in message


def test_a_column_that_is_there_twice_is_refused(recipe, frame, tmp_path):
    arrow = pa.Table.from_pandas(frame)
    pq.write_table(arrow.append_column("adm2", arrow["adm2"]), tmp_path / "twice.parquet")
    with pytest.raises(TableError, match=r"twice\.parquet has two columns called adm2; drop one$"):
        read_table(tmp_path / "twice.parquet", recipe)


NO_PARQUET = {
    "nothing": lambda _: b"",
    "text": lambda _: b"source,dis_basename,frame_index\n",
    "half of a parquet file": lambda data: data[: len(data) // 2],
    "a parquet file whose end is damaged": lambda data: data[:-40] + bytes(32) + data[-8:],
    "a parquet file whose pages are damaged": lambda data: data[:4] + b"\xff" * 4000 + data[4004:],
}


@pytest.mark.parametrize("spoil", NO_PARQUET.values(), ids=NO_PARQUET)
def test_a_file_that_holds_this_is_refused_in_one_line(recipe, frame, write_table, spoil):
    path = write_table(frame)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(TableError, match=r"table\.parquet is no readable parquet file") as refused:
        read_table(path, recipe)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("missing", ["nowhere.parquet", "no/such/folder/table.parquet"])
def test_a_path_that_is_not_there_is_refused_and_nothing_else_is_read(recipe, tmp_path, missing):
    for ask in (lambda path: read_table(path, recipe), digest):
        with pytest.raises(TableError, match=r"cannot read the table .*\.parquet: it is missing") as refused:
            ask(tmp_path / missing)
        assert "\n" not in str(refused.value)


def test_a_folder_is_refused(recipe, tmp_path):
    with pytest.raises(TableError, match=r"cannot read the table .*: it is a folder"):
        read_table(tmp_path, recipe)


def page_of(path, column):
    """Where the pages of ``column`` lie in the file."""
    group = pq.ParquetFile(path).metadata.row_group(0)
    chunk = next(c for k in range(group.num_columns) if (c := group.column(k)).path_in_schema == column)
    offsets = [o for o in (chunk.dictionary_page_offset, chunk.data_page_offset) if o]
    return min(offsets), chunk.total_compressed_size


@pytest.mark.parametrize(("column", "readable"), [("extra", True), ("adm2", False)])
def test_only_the_columns_that_are_needed_are_read(recipe, frame, write_table, column, readable):
    path = write_table(frame.assign(extra=frame.adm2))
    start, size = page_of(path, column)
    data = bytearray(path.read_bytes())
    data[start : start + size] = b"\xff" * size
    path.write_bytes(data)
    if readable:
        assert tuple(read_table(path, recipe).frame.columns) == recipe.columns
    else:
        with pytest.raises(TableError, match="no readable parquet file"):
            read_table(path, recipe)


def test_a_table_of_thirty_columns_is_taken_as_it_is(read, frame, recipe):
    more = {
        "codec": "x264",
        "bitrate_kbps": np.inf,
        "psnr_y": np.nan,
        "cambi": None,
        "vmaf.neg": 3.0,
        "frame": [[1, 2]] * len(frame),
        **{f"extra_{k}": k for k in range(14)},
    }
    wide = frame.assign(**more)
    assert wide.shape[1] == 30
    table = read(wide[sorted(wide.columns)])
    assert table.fingerprint.columns == 30
    assert table.fingerprint.rows == len(frame)
    pd.testing.assert_frame_equal(table.frame.astype({"source": str, "dis_basename": str}), frame[list(recipe.columns)])


def test_makers_are_recorded_where_they_are_named(read, frame):
    table = read(frame.assign(teacher_model="vmaf_v0.6.1", extractor="libvmaf 3.2.0"))
    assert (table.fingerprint.teacher_model, table.fingerprint.extractor) == ("vmaf_v0.6.1", "libvmaf 3.2.0")
    assert "teacher_model" not in table.frame
    table = read(frame.assign(extractor=None))
    assert (table.fingerprint.teacher_model, table.fingerprint.extractor) == (None, None)


def test_the_fingerprint_says_what_the_file_says(recipe, frame, write_table):
    path = write_table(frame, "of_today.parquet")
    found = read_table(path, recipe).fingerprint
    features = frame[list(recipe.feature_order)].to_numpy()
    assert found.file == "of_today.parquet"
    assert found.sha256 == digest(path) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (found.rows, found.columns, found.clips) == (1368, 10, 88)
    assert found.groups == tuple(sorted(frame.source.unique()))
    np.testing.assert_allclose(found.feature_means, features.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.feature_stds, features.std(axis=0), rtol=1e-12)
    wanted = frame.vmaf.mean(), frame.vmaf.std(ddof=0), frame.vmaf.min(), frame.vmaf.max()
    got = found.target_mean, found.target_std, found.target_min, found.target_max
    np.testing.assert_allclose(got, wanted, rtol=1e-12)


def test_clips_of_one_name_in_two_groups_are_two(read, frame):
    frame = frame.assign(dis_basename=frame.dis_basename.str.split("_", n=1).str[1])
    assert frame.dis_basename.nunique() < 88
    table = read(frame)
    assert table.fingerprint.clips == 88
    assert table.clips(np.arange(len(frame))) == 88
    assert table.clips(np.flatnonzero(frame.source == "RedMaples")) == 8
    assert table.clips(np.array([0])) == 1


def test_features_and_target_are_float64_in_recipe_order(read, frame):
    table = read(frame.assign(adm2=frame.adm2.astype(np.float32), motion2=frame.motion2.astype(int)))
    assert (table.features.dtype, table.features.shape) == (np.float64, (1368, 6))
    assert table.target.dtype == np.float64
    np.testing.assert_array_equal(table.features[:, 1], frame.vif_scale0)
    np.testing.assert_array_equal(table.features[:, 5], frame.motion2.astype(int))
    np.testing.assert_array_equal(table.target, frame.vmaf)
    assert table.groups.tolist() == frame.source.tolist()


def test_inputs_are_float32_and_cut_by_tensor(read, frame):
    two = (Input("spatial", ("vif_scale3", "adm2")), Input("temporal", ("motion2",)))
    inputs = read(frame, inputs=two).inputs(np.array([5, 2, 2]))
    assert {name: (x.shape, x.dtype.name) for name, x in inputs.items()} == {
        "spatial": ((3, 2), "float32"),
        "temporal": ((3, 1), "float32"),
    }
    assert all(x.flags.c_contiguous for x in inputs.values())
    wanted = frame.loc[[5, 2, 2], ["vif_scale3", "adm2"]].to_numpy(np.float32)
    np.testing.assert_array_equal(inputs["spatial"], wanted)


def test_groups_may_be_numbers(read, frame):
    table = read(frame.assign(source=frame.source.factorize()[0] + 1))
    assert table.fingerprint.groups == tuple(sorted(str(k) for k in range(1, 12)))
    assert set(table.groups) == set(table.fingerprint.groups)


@pytest.mark.parametrize(
    "reshape",
    [
        lambda frame: frame.sample(frac=1, random_state=0),
        lambda frame: frame.set_index("source"),
        lambda frame: frame.set_index(["source", "dis_basename", "frame_index"]),
        lambda frame: frame.astype({"source": "category", "dis_basename": "category"}),
    ],
    ids=["shuffled rows", "the group as index", "the keys as index", "categories"],
)
def test_what_pandas_made_of_index_and_categories_does_not_matter(read, frame, recipe, reshape):
    table = read(reshape(frame))
    assert table.frame.index.tolist() == list(range(1368))
    assert tuple(table.frame.columns) == recipe.columns
    assert table.fingerprint.groups == tuple(sorted(frame.source.unique()))
    assert table.clips(np.flatnonzero(table.groups == "RedMaples")) == 8


def test_the_shared_tables_are_taken(shared, recipe):
    for name, rows, clips in (("a", 10_848, 88), ("b", 10_848, 88), ("ties", 696, 8)):
        found = read_table(shared / "data" / f"vmaf_features_{name}.parquet", recipe).fingerprint
        assert (found.rows, found.clips) == (rows, clips)


# --- names: each has one text, and a text is one name


def arrow(frame, **columns):
    """``frame`` as Arrow, with columns of types that pandas does not know: ``source=(values, type)``."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    for name, (values, kind) in columns.items():
        table = table.set_column(table.schema.get_field_index(name), name, pa.array(values, kind))
    return table


@pytest.fixture
def read_arrow(recipe, tmp_path):
    def through_parquet(table, **options):
        pq.write_table(table, tmp_path / "table.parquet", **options)
        return read_table(tmp_path / "table.parquet", recipe)

    return through_parquet


def days(frame):
    return [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=int(k)) for k in frame.source.factorize()[0]]


def padded(frame):
    return [name.encode().ljust(20, b"\0") for name in frame.source]


NAMES = {
    "text": (lambda f: (list(f.source), pa.string()), "RedMaples"),
    "text in the large layout": (lambda f: (list(f.source), pa.large_string()), "RedMaples"),
    "text with a NUL at its end": (lambda f: ([f"{name}\0" for name in f.source], pa.string()), "RedMaples"),
    "bytes": (lambda f: ([name.encode() for name in f.source], pa.binary()), "RedMaples"),
    "bytes with a letter beyond ASCII": (
        lambda f: ([f"Cité{n}".encode() for n in f.source], pa.binary()),
        "CitéRedMaples",
    ),
    "bytes of a fixed width": (lambda f: (padded(f), pa.binary(20)), "RedMaples"),
    "categories": (lambda f: (list(f.source), pa.dictionary(pa.int8(), pa.string())), "RedMaples"),
    "instants": (lambda f: (days(f), pa.timestamp("ns")), "2024-01-01 00:00:00"),
    "instants of a zone": (lambda f: (days(f), pa.timestamp("us", "UTC")), "2024-01-01 00:00:00+00:00"),
    "dates": (lambda f: ([day.date() for day in days(f)], pa.date32()), "2024-01-01"),
    "durations": (lambda f: ([day - days(f)[0] for day in days(f)], pa.duration("s")), "0:00:00"),
    "decimals": (lambda f: ([Decimal(day.day) / 2 for day in days(f)], pa.decimal128(5, 1)), "0.5"),
    "whole numbers": (lambda f: ([day.day for day in days(f)], pa.uint8()), "1"),
    "numbers": (lambda f: ([day.day / 2 for day in days(f)], pa.float32()), "0.5"),
    "numbers of which one is minus zero": (
        lambda f: ([-0.0 if d.day == 1 and k % 2 else d.day - 1.0 for k, d in enumerate(days(f))], pa.float64()),
        "0.0",
    ),
}


@pytest.mark.parametrize(("column", "first"), NAMES.values(), ids=NAMES)
def test_a_group_has_one_text_in_the_fingerprint_and_in_the_folds(read_arrow, frame, column, first):
    table = read_arrow(arrow(frame, source=column(frame)))
    assert table.groups[0] == first
    assert len(table.fingerprint.groups) == 11
    assert tuple(sorted(set(table.groups))) == table.fingerprint.groups
    assert {split.group for split in plan(table, LeaveOneGroupOut()).splits} == set(table.fingerprint.groups)
    assert table.fingerprint.clips == table.clips(np.arange(len(frame))) == 88


def test_an_instant_of_96_bits_is_one_too(read_arrow, frame):
    written = arrow(frame, source=(days(frame), pa.timestamp("ns")))
    table = read_arrow(written, use_deprecated_int96_timestamps=True)
    assert set(table.groups) == set(table.fingerprint.groups)
    assert table.groups[0] == "2024-01-01 00:00:00"


def test_whole_numbers_stay_numbers_and_are_sorted_as_such(read, frame):
    assert read(frame).frame.frame_index.tolist() == frame.frame_index.tolist()


def latin_1(frame):
    return [("Cité" if name == "CityNight" else name).encode("latin-1") for name in frame.source]


NO_NAMES = {
    "bytes in another encoding": (lambda f: (latin_1(f), pa.binary()), ["in row ", "is no UTF-8", "Cit\\xe9"]),
    "text that is in another encoding": (
        lambda f: (pa.array(latin_1(f), pa.binary()).view(pa.string()), None),
        ["in row ", "is no UTF-8", "Cit\\xe9"],
    ),
    "instants beyond any calendar": (lambda f: ([2**60] * len(f), pa.timestamp("us")), ["timestamp[us], which has no"]),
    "identifiers of 16 bytes": (lambda f: ([b"\xff" * 16] * len(f), pa.uuid()), ["source", "convert it to text"]),
    "objects": (lambda f: ([{"x": 1}] * len(f), pa.struct({"x": pa.int8()})), ["struct<x: int8>", "flatten it"]),
    "maps": (lambda f: ([[("x", 1)]] * len(f), pa.map_(pa.string(), pa.int8())), ["map<", "flatten it"]),
}


@pytest.mark.parametrize(("column", "words"), NO_NAMES.values(), ids=NO_NAMES)
def test_what_is_no_name_is_refused(read_arrow, frame, column, words):
    with pytest.raises(TableError) as refused:
        read_arrow(arrow(frame, source=column(frame)))
    assert [word for word in ("column source ", *words) if word not in str(refused.value)] == []
    assert "\n" not in str(refused.value)


def renamed(column, old, new):
    """Every other row of ``old`` under another name."""

    def rename(frame):
        rows = np.flatnonzero(frame[column] == old)[::2]
        names = frame[column].astype(object).copy()
        names.iloc[rows] = new
        return frame.assign(**{column: names})

    return rename


LOOKALIKES = {
    "a blank at its end": "RedMaples ",
    "a blank at its beginning": "\tRedMaples",
    "another case": "REDMAPLES",
    "a blank that does not break": "RedMaples\N{NO-BREAK SPACE}",
    "letters of full width": "".join(chr(ord(c) + 0xFEE0) for c in "RedMaples"),
    "a joiner of no width": "Red\N{ZERO WIDTH JOINER}Maples",
    "a byte order mark": "\N{ZERO WIDTH NO-BREAK SPACE}RedMaples",
    "a bell": "RedMaples\a",
}


@pytest.mark.parametrize("other", LOOKALIKES.values(), ids=LOOKALIKES)
def test_a_source_under_a_second_name_is_refused_and_both_are_named(read, frame, other):
    with pytest.raises(TableError) as refused:
        read(renamed("source", "RedMaples", other)(frame))
    message = str(refused.value)
    assert f"column source has {other!a} (row 0) and 'RedMaples' (row 1)" in message
    assert message.endswith("make them one name")


@pytest.mark.parametrize(("one", "other"), [("Cité", "Cite\N{COMBINING ACUTE ACCENT}"), ("Straße", "STRASSE")])
def test_one_word_in_two_unicode_forms_or_cases_is_one_name(read, frame, one, other):
    frame = frame.assign(source=frame.source.replace({"RedMaples": one}))
    with pytest.raises(TableError, match=r"column source has .* which differ in case, blanks or Unicode form alone"):
        read(renamed("source", one, other)(frame))


def test_clips_and_keys_are_names_too(read, frame):
    clip = frame.dis_basename[0]
    with pytest.raises(TableError, match="column dis_basename has "):
        read(renamed("dis_basename", clip, clip.upper())(frame))
    codec = frame.assign(codec=np.where(np.arange(len(frame)) % 2, "x264", "X264"))
    with pytest.raises(TableError, match=r"column codec has 'X264' .row 0. and 'x264' .row 1."):
        read(codec, key=("source", "dis_basename", "frame_index", "codec"))


def test_names_that_differ_in_a_letter_are_two(read, frame):
    assert len(read(renamed("source", "RedMaples", "RedMaples2")(frame)).fingerprint.groups) == 12


def test_a_name_that_would_fill_the_memory_once_for_each_row_is_refused(read, frame):
    with pytest.raises(TableError, match=r"column source in row 0 has 1000000 characters, .*; shorten the names"):
        read(frame.assign(source=frame.source.replace({"RedMaples": "R" * 1_000_000})))


# --- numbers


def test_decimals_and_categories_of_numbers_are_numbers(read_arrow, frame):
    halves = [Decimal(int(k)) / 2 for k in frame.frame_index]
    kinds = {"adm2": (halves, pa.decimal128(9, 1)), "motion2": (list(frame.frame_index), pa.int16())}
    written = arrow(frame, **kinds)
    written = written.set_column(9, "vmaf", pa.array(frame.vmaf).dictionary_encode())
    table = read_arrow(written)
    np.testing.assert_array_equal(table.features[:, 0], frame.frame_index / 2)
    np.testing.assert_array_equal(table.features[:, 5], frame.frame_index)
    np.testing.assert_array_equal(table.target, frame.vmaf)


def test_what_float32_holds_is_taken(read, frame):
    assert read(spoilt("adm2", 1e36)(frame)).features.max() == 1e36


OFF_SCALE = {
    "divided by a hundred": (lambda v: v / 100, ["between 0.36", "and 1 (row ", "sliver of the target range 0 to 100"]),
    "from 1 to 5": (lambda v: 1 + v / 25, ["(row ", "and 5 (row ", "another scale"]),
    "from 0 to 10": (lambda v: v / 10, ["and 10 (row ", "another scale"]),
    "nearly constant": (lambda v: 70 + v / 200, ["sliver of the target range 0 to 100 of small_v1", "another scale"]),
    "constant": (lambda v: 0 * v + 70, ["between 70 (row 0) and 70 (row 0)"]),
    "times ten": (lambda v: v * 10, ["vmaf is outside the target range 0 to 100", "first in row 0 (", "bring it"]),
    "negative in one row": (lambda v: v.where(v.index != 9, -3.5), ["in 1 rows, first in row 9 (-3.5)"]),
}


@pytest.mark.parametrize(("change", "words"), OFF_SCALE.values(), ids=OFF_SCALE)
def test_a_target_on_another_scale_is_refused(read, frame, change, words):
    with pytest.raises(TableError) as refused:
        read(frame.assign(vmaf=change(frame.vmaf)))
    assert [word for word in words if word not in str(refused.value)] == []


def test_targets_near_the_upper_end_are_on_the_scale(read, frame):
    assert read(frame.assign(vmaf=96.5 + frame.vmaf * 0.035)).target.min() > 96.5


@pytest.mark.parametrize("change", [lambda v: 1 + v / 25, lambda v: v / 100])
def test_each_corpus_is_on_the_scale_of_the_others(read, frame, change):
    second = frame.source == "RedMaples"
    mixed = frame.assign(vmaf=frame.vmaf.where(~second, change(frame.vmaf)))
    assert read(mixed).fingerprint.columns == 10  # nothing says that there are two
    with pytest.raises(TableError, match=r"column vmaf of the corpus live lies between .* on another scale"):
        read(mixed.assign(corpus=np.where(second, "live", "netflix")))
    assert "corpus" not in read(frame.assign(corpus=np.where(second, "live", "netflix"))).frame


# --- what a file claims of itself


def test_a_git_lfs_pointer_is_named(recipe, tmp_path):
    path = tmp_path / "table.parquet"
    path.write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 1950020\n")
    for ask in (lambda p: read_table(p, recipe), digest):
        with pytest.raises(TableError, match=r"table\.parquet is a Git LFS pointer; run `git lfs pull`"):
            ask(path)


def test_a_pipe_is_refused_and_not_waited_for(recipe, tmp_path):
    os.mkfifo(tmp_path / "table.parquet")
    with pytest.raises(TableError, match="it is not a regular file"):
        read_table(tmp_path / "table.parquet", recipe)


def test_a_file_that_is_too_large_is_not_read(recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(table_file, "MAX_STREAMED_BYTES", 1000)
    with (tmp_path / "table.parquet").open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(TableError, match="it has 1000000000000 bytes; at most 1000 can be read"):
        read_table(tmp_path / "table.parquet", recipe)


def test_a_small_file_of_very_many_rows_is_refused_from_its_footer(recipe, frame, tmp_path, monkeypatch):
    rows = 30_000_000
    nothing = pa.array(np.zeros(rows, np.int8))
    path = tmp_path / "bomb.parquet"
    pq.write_table(pa.table(dict.fromkeys(frame.columns, nothing)), path, compression="zstd")
    assert path.stat().st_size < 2_000_000
    monkeypatch.setattr(pq.ParquetFile, "iter_batches", None)
    with pytest.raises(TableError, match=r"bomb\.parquet has 30000000 rows; its 10 columns .* sample of the rows"):
        read_table(path, recipe)


def test_a_long_text_that_every_row_repeats_is_refused_before_it_is_repeated(recipe, frame, tmp_path):
    clip = pa.array(["x", "y" * 10_000_000]).dictionary_encode().take(pa.array([0, 1] * (len(frame) // 2)))
    pq.write_table(arrow(frame).set_column(1, "dis_basename", clip), tmp_path / "table.parquet")
    with pytest.raises(
        TableError, match=r"column dis_basename in row 1 has 10000000 characters, .*; shorten the names"
    ):
        read_table(tmp_path / "table.parquet", recipe)


def test_a_small_file_of_very_much_text_is_refused_while_it_is_read(recipe, frame, tmp_path, monkeypatch):
    long = pa.array([f"{k}{'x' * 10_000}" for k in range(len(frame))])
    pq.write_table(arrow(frame).set_column(1, "dis_basename", long), tmp_path / "table.parquet", compression="zstd")
    monkeypatch.setattr(parquet, "MAX_BYTES", 2_000_000)
    with pytest.raises(TableError, match=r"has 1368 rows; its 10 columns that are needed take 1[0-9]{7} bytes or more"):
        read_table(tmp_path / "table.parquet", recipe)


@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_file_is_refused_or_read_and_never_the_end_of_the_process(recipe, frame, tmp_path, seed):
    rows = frame[frame.frame_index % 24 == 0].astype({"source": "category"})
    rows.to_parquet(tmp_path / "whole.parquet", row_group_size=100)
    whole, random = (tmp_path / "whole.parquet").read_bytes(), np.random.default_rng(seed)
    footer = int.from_bytes(whole[-8:-4], "little") + 8
    refused = 0
    for _ in range(100):
        data = bytearray(whole)
        for at in random.integers(len(data) - footer if random.random() < 0.7 else 0, len(data), random.integers(1, 5)):
            data[at] = random.choice([0, 255, int(random.integers(256))])
        (tmp_path / "damaged.parquet").write_bytes(data)
        try:
            read_table(tmp_path / "damaged.parquet", recipe)
        except TableError as error:
            refused += "\n" not in str(error)
    assert refused > 30


@pytest.mark.parametrize("noted", [b"{oops", b"[]", b"\xff", b'{"index_columns": ["nowhere"], "columns": 7}', b"null"])
def test_what_pandas_noted_of_a_table_is_not_looked_at(read_arrow, frame, noted):
    table = arrow(frame).replace_schema_metadata({b"pandas": noted})
    assert read_arrow(table).fingerprint.rows == len(frame)


# --- columns that are derived

CODECS = ("x264", "x265", "vp9")
FAMILY = Lookup("family", "codec", (("x264", 1.0), ("x265", 2.0), ("vp9", -0.5)))
DERIVED = {"derived": (FAMILY, *one_hot("codec", CODECS))}
WITH_FAMILY = {
    **DERIVED,
    "inputs": (Input("features", ("adm2", "family")), Input("which", ("codec=vp9", "codec=x264"))),
}


@pytest.fixture
def coded(frame):
    return frame.assign(codec=np.array(CODECS)[np.arange(len(frame)) % 3])


def test_a_lookup_and_a_one_hot_column_stand_for_the_values_of_another(read, coded):
    table = read(coded, **WITH_FAMILY)
    np.testing.assert_array_equal(table.features[:3, 1], [1.0, 2.0, -0.5])
    np.testing.assert_array_equal(table.inputs(np.arange(3))["which"], [[0, 1], [0, 0], [1, 0]])
    one = table.frame[[f"codec={codec}" for codec in CODECS]].to_numpy()
    assert set(one.ravel()) == {0.0, 1.0}
    assert (one.sum(axis=1) == 1).all()


def test_what_is_derived_need_not_be_in_the_file_and_what_it_comes_from_must(read, coded):
    assert "family" not in coded
    with pytest.raises(TableError, match="lacks the column codec that small_v1 needs"):
        read(coded.drop(columns="codec"), **WITH_FAMILY)


@pytest.mark.parametrize("value", ["av1", "X264", "x264 ", None])
def test_a_value_that_no_lookup_lists_is_refused_with_its_column_and_row(read, coded, value):
    codec = coded.codec.astype(object)
    codec.iloc[[17, 40]] = value
    with pytest.raises(TableError) as refused:
        read(coded.assign(codec=codec), **WITH_FAMILY)
    shown = "nan" if value is None else repr(value)
    message = str(refused.value)
    assert "column codec has the value " in message
    assert shown.lower() in message.lower() or "None" in message
    assert "in row 17, for which small_v1 declares no family" in message
    assert "\n" not in message


# --- empty feature cells

MEDIAN = {"missing": "median"}


@pytest.mark.parametrize("empty", [np.nan, None])
def test_an_empty_feature_cell_is_taken_and_counted_where_the_recipe_says_how_it_is_filled(read, frame, empty):
    spoilt_frame = spoilt("motion2", empty)(spoilt("adm2", empty, rows=(3,))(frame))
    table = read(spoilt_frame.astype({"adm2": float, "motion2": float}), **MEDIAN)
    assert table.fingerprint.missing_cells == {"adm2": 1, "motion2": 2}
    assert np.isnan(table.features).sum() == 3
    filled = frame.assign(
        adm2=spoilt_frame.adm2.fillna(spoilt_frame.adm2.astype(float).median()),
        motion2=spoilt_frame.motion2.fillna(spoilt_frame.motion2.astype(float).median()),
    )[list(table.recipe.feature_order)].astype(float)
    np.testing.assert_allclose(table.fingerprint.feature_means, filled.mean())
    np.testing.assert_allclose(table.fingerprint.feature_stds, filled.std(ddof=0))


def test_a_whole_table_has_no_missing_cells(read, frame):
    assert read(frame, **MEDIAN).fingerprint.missing_cells == {}


REFUSED_ALL_THE_SAME = {
    "an infinite feature": (spoilt("adm2", np.inf), ["adm2 is infinite in 2 rows", "row 7", "repair or drop"]),
    "a negative infinite feature": (spoilt("adm2", -np.inf), ["adm2 is infinite in 2 rows", "row 7"]),
    "a feature that is empty everywhere": (numeric("adm2", np.nan), ["column adm2 is empty", "a median needs values"]),
    "a NaN target": (spoilt("vmaf", np.nan), ["vmaf is NaN", "2 rows", "row 7", "repair or drop"]),
    "a null target": (spoilt("vmaf", None), ["vmaf", "null in 2 rows", "row 7"]),
    "a null group": (spoilt("source", None), ["source is null in 2 rows"]),
}


@pytest.mark.parametrize(("spoil", "words"), REFUSED_ALL_THE_SAME.values(), ids=REFUSED_ALL_THE_SAME)
def test_medians_do_not_excuse(read, frame, spoil, words):
    with pytest.raises(TableError) as refused:
        read(spoil(frame).astype({"adm2": float}), **MEDIAN)
    assert [word for word in words if word not in str(refused.value)] == []


def test_a_lookup_of_an_unknown_value_is_no_empty_cell(read, coded):
    with pytest.raises(TableError, match="has the value 'av1' in row 0"):
        read(coded.assign(codec="av1"), **WITH_FAMILY, **MEDIAN)


def test_the_shared_rating_tables_are_taken(shared):
    for module, model, name, rows, missing in (
        ("tinyai_konvid_mos", "konvid_mos_v1", "konvid_1k_videval", 1200, 2),
        ("tinyai_konvid_mos", "youtube_ugc_mos_v1", "youtube_ugc_videval", 1380, 579),
        ("tinyai_chug_hdr", "chug_hdr_mos_v1", "chug", 5992, 0),
    ):
        plugin = pytest.importorskip(module)
        [recipe] = [each for each in plugin.tinyai_recipes() if each.id == model]
        found = read_table(shared / "data" / f"{name}.parquet", recipe).fingerprint
        assert (found.rows, sum(found.missing_cells.values())) == (rows, missing)
