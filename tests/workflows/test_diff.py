"""Two releases side by side, or a release and what a refresh would make of it."""

from __future__ import annotations

import json
import shutil

import pytest
from markdown_it import MarkdownIt

from tinyai_registry.documents.comparison import compare
from tinyai_registry.documents.side_by_side import lay_out, render_markdown

HOSTILE = "a|b\n::error::x <script> [x](y) \x1b[2J"


@pytest.fixture
def releases(refresh, duo, registry, frame, write_table):
    """Two releases of the second plugin, from two tables; returns their sidecars."""
    sidecars = []
    for rows in (frame, frame.iloc[:-8].assign(motion2=lambda f: f.motion2 * 2)):
        assert refresh(write_table(rows)).json["status"] == "published"
        sidecars.append(json.loads((registry / "duo_v1.json").read_text()))
    return sidecars


@pytest.fixture
def diff(tinyai, registry):
    return lambda *words: tinyai("diff", "duo_v1", *words, "--registry", registry)


def test_the_last_two_releases_are_compared_figure_by_figure(diff, releases):
    old, new = releases
    found = diff("--json").json
    assert (found["old"]["sha256"], found["new"]["sha256"]) == (old["sha256"], new["sha256"])
    assert [each["criterion"] for each in found["gate"]] == [verdict["criterion"] for verdict in new["gate"]]
    assert [each["old"] for each in found["gate"]] == [verdict["value"] for verdict in old["gate"]]
    for fold, was, now in zip(found["folds"], old["evaluation"]["folds"], new["evaluation"]["folds"], strict=True):
        assert fold["group"] == now["group"]
        assert fold["metrics"]["plcc"] == {"old": was["plcc"], "new": now["plcc"]}
        assert set(fold["metrics"]) == {"plcc", "srocc", "krocc", "rmse", "mae"}
    changes = {each["what"]: (each["old"], each["new"]) for each in found["table"]["changes"]}
    assert changes["rows"] == (old["table"]["rows"], new["table"]["rows"])
    assert found["recipe"] == []
    figures = {each["figure"]: each for each in found["figures"]}
    assert figures["mean PLCC"]["old_here"] == new["shipped"]["summary"]["plcc"]["mean"]
    assert found["drift"][0]["column"] == "motion2"
    assert found["drift"][0]["std_ratio"] == pytest.approx(2, rel=0.02)
    assert {each["path"] for each in found["files"]} == {"duo_v1.onnx", "duo_v1.plain.onnx"}


def test_releases_are_named_by_entry_or_digest_and_in_any_order(diff, releases):
    old, new = (sidecar["sha256"] for sidecar in releases)
    for words in (("1", "2"), ("1",), (old[:8],), (old, new[:8])):
        found = diff(*words, "--json").json
        assert (found["old"]["sha256"], found["new"]["sha256"]) == (old, new)
    assert diff("2", "1", "--json").json["new"]["sha256"] == old


def test_the_second_of_two_equal_releases_is_compared_with_the_one_before_them(diff, releases, refresh, tmp_path):
    refresh(tmp_path / "table.parquet", "--force")
    assert diff("--json").json["old"]["sha256"] == releases[0]["sha256"]


def test_what_a_release_did_not_replace_has_no_figures_on_its_table(diff, releases, refresh, frame, write_table):
    refresh(write_table(frame.iloc[:-16]))
    here = [each["old_here"] for each in diff("1", "3", "--json").json["figures"]]
    assert here == [None] * len(here)
    assert diff("2", "3", "--json").json["figures"][0]["old_here"] is not None


def test_a_dry_run_is_compared_with_what_is_registered(diff, releases, frame, write_table, registry, digests):
    before = digests(registry)
    found = diff("--dry-run", "--table", write_table(frame), "--json").json
    assert (found["old"]["sha256"], found["new"]["sha256"]) == (releases[1]["sha256"], releases[0]["sha256"])
    assert found["new"]["status"] == "dry-run"
    assert digests(registry) == before


def test_a_refresh_leaves_a_comment_for_a_pull_request(refresh, releases, frame, write_table, tmp_path):
    comment = tmp_path / "comment.md"
    refresh(write_table(frame), "--comment", comment)
    text = comment.read_text()
    assert text.startswith("### duo_v1\n\nduo_v1 published: ")
    assert f"{releases[1]['sha256'][:12]}" in text
    kinds = {token.type for token in MarkdownIt("gfm-like", {"linkify": False}).parse(text)}
    assert {"heading_open", "table_open", "html_block"} <= kinds


def test_a_comment_on_a_refusal_has_criterion_and_value(tinyai, duo_as, registry, frame, write_table, tmp_path):
    duo_as({"0.8)": "1.0)"})
    comment = tmp_path / "comment.md"
    words = ("--table", write_table(frame), "--registry", registry, "--comment", comment)
    assert tinyai("refresh", "duo_v1", *words).code == 3
    [line] = [line for line in comment.read_text().splitlines() if line.startswith("| min PLCC")]
    assert line.startswith("| min PLCC over folds >= 1 | \\- | 0.9")
    assert line.endswith("| refused |")


def test_people_read_it_in_eighty_columns(diff, releases):
    ran = diff()
    lines = ran.out.splitlines()
    assert lines[0].startswith(f"duo_v1: {releases[0]['sha256'][:12]} ")
    assert {"Gate", "Figures", "Folds", "Table", "Drift", "Files"} <= set(lines)
    assert "Recipe: Unchanged." in lines
    assert max(map(len, lines)) <= 80


MISTAKES = {
    "no such model": (("diff", "duo_v2"), "has no model 'duo_v2'; it has: duo_v1; did you mean 'duo_v1'?"),
    "no such entry": (("diff", "duo_v1", "7"), "7 is no entry with a release"),
    "no such digest": (("diff", "duo_v1", "zz"), "zz is no entry with a release, and no digest of one"),
    "an ambiguous digest": (("diff", "duo_v1", ""), "is the beginning of several digests"),
    "nothing before": (("diff", "duo_v1", "--comment", "{tmp}", "1"), "cannot write"),
    "a release and a dry run": (("diff", "duo_v1", "1", "--dry-run"), "--dry-run compares with the one"),
}


@pytest.mark.parametrize(("words", "told"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line(tinyai, releases, registry, tmp_path, words, told):
    ran = tinyai(*(word.format(tmp=tmp_path) for word in words), "--registry", registry)
    assert (ran.code, ran.out) == (2, "")
    assert told in ran.err
    assert ran.err.count("\n") == 1


def test_a_first_release_has_nothing_before_it(diff, refresh, duo, frame, write_table):
    refresh(write_table(frame))
    assert "has no release before" in diff().err


def test_what_is_no_longer_in_the_store_is_said(tinyai, diff, releases, registry):
    for path in (registry / ".tinyai" / "objects" / "duo_v1").iterdir():
        path.unlink()
    ran = diff()
    assert ran.code == 2
    assert "is not in the store (pruned, or never fetched: git does not have it)" in ran.err


def test_a_model_without_a_log_has_nothing_to_compare_with(tinyai, shared):
    ran = tinyai("diff", "vmaf_tiny_v2", "--registry", shared / "real-registry")
    assert ran.code == 2
    assert "vmaf_tiny_v2 has no history" in ran.err


def test_where_a_side_does_not_say_what_is_compared_nobody_claims_that_it_is_the_same(
    duo, refresh, tinyai, registry, frame, write_table, diff
):
    refresh(write_table(frame))
    made = json.loads((registry / "duo_v1.json").read_text())
    old = {key: made[key] for key in ("id", "kind", "onnx", "opset", "feature_order", "training")}
    (registry / "duo_v1.json").write_text(json.dumps(old))
    shutil.rmtree(registry / ".tinyai")
    assert refresh(write_table(frame.iloc[:-8])).json["status"] == "published"
    found = diff("--json").json
    assert found["old"]["sha256"] == made["sha256"]  # which its row alone says
    assert found["unsaid"] == {part: ["old"] for part in ("recipe", "table", "caveats", "made_with")}
    lines = diff().out.splitlines()
    assert {f"{part}: Not known: the old one does not say." for part in ("Recipe", "Made with")} < set(lines)
    assert not {line for line in lines if line.endswith("Unchanged.")}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ({"sha256": "1" * 64}, {"sha256": "2" * 64}, "Not known: neither says."),
        ({}, {"sha256": "2" * 64, "recipe": {}, "provenance": {}}, "Not known: there is no old one."),
        ({"sha256": "1" * 64, "recipe": {}, "provenance": {}}, {}, "Not known: the new one does not say."),
        ({"sha256": "1" * 64, "recipe": {}, "provenance": {}}, {"recipe": {}, "provenance": {}}, "Unchanged."),
    ],
)
def test_who_is_silent_is_said(old, new, told):
    notes = {section.title: section.note for section in lay_out(compare("m_v1", old, new))}
    assert (notes["Recipe"], notes["Made with"]) == (told, told)


def test_an_imported_release_has_what_it_has_and_no_more():
    old = {
        "id": "m",
        "sha256": "1" * 64,
        "training": {"loso_mean_plcc": 0.9},
        "feature_order": ["a"],
        "feature_mean": [1.0],
    }
    found = compare("m_v1", old, {"sha256": "2" * 64})
    assert found["figures"][0] == {"figure": "mean PLCC", "old": 0.9, "old_here": None, "new": None}
    assert (found["gate"], found["folds"], found["drift"], found["files"]) == ([], [], [], [])
    assert [section.title for section in lay_out(found)][:2] == ["Gate", "Figures"]


def test_a_changed_recipe_is_told_field_by_field():
    old, new = {"recipe": {"seed": 1, "folds": {"KFold": {"folds": 3}}}}, {"recipe": {"folds": {"KFold": {"folds": 5}}}}
    assert compare("m_v1", old, new)["recipe"] == [
        {"what": "folds.KFold.folds", "old": 3, "new": 5},
        {"what": "seed", "old": 1, "new": None},
    ]


def test_words_of_tables_and_plugins_are_words_in_the_comment():
    new = {
        "gate": [{"criterion": HOSTILE, "value": None, "passed": False, "reason": HOSTILE}],
        "caveats": [{"code": "x", "message": HOSTILE}],
        "table": {"file": HOSTILE, "groups": [HOSTILE]},
    }
    text = render_markdown(compare("m_v1", {"table": {"file": "t", "groups": []}}, new), HOSTILE, HOSTILE)
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(text)
    inline = [child for token in tokens for child in token.children or ()]
    assert {child.type for child in inline} <= {"text", "strong_open", "strong_close", "text_special", "softbreak"}
    assert [token.content.strip() for token in tokens if token.type == "html_block"] == [
        "<details><summary>Folds, table, drift, files</summary>",
        "</details>",
    ]
    assert "\n::error" not in text
    assert "\x1b" not in text
