"""The catalogue as files: what is on its pages, and where it is written."""

from __future__ import annotations

import hashlib
import html
import json
import re
import shutil
from html.parser import HTMLParser

import pytest
from tests.catalogue.conftest import HOSTILE


def tree(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


class Elements(HTMLParser):
    """Every element of a page, with its attributes."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def test_the_page_of_a_model_has_its_card_files_and_findings(make_site, example):
    site = make_site(example)
    page = (site / "models" / "fr_regressor_v1" / "index.html").read_text()
    assert "A multilayer perceptron, 6-64-64-1 with GELU" in page
    assert "PLCC 0.9954" in page
    assert "TAI515" in page
    for name in ("fr_regressor_v1.onnx", "fr_regressor_v1.json", "fr_regressor_v1.md"):
        data = (example / name).read_bytes()
        assert (site / "models" / "fr_regressor_v1" / name).read_bytes() == data
        assert hashlib.sha256(data).hexdigest() in page


def test_the_history_has_refusals_and_a_chart(make_site, tinyai, duo, registry, frame, write_table):
    good, bad = (
        write_table(frame, "a.parquet"),
        write_table(frame.assign(vmaf=frame.vmaf.sample(frac=1, random_state=0).to_numpy()), "b.parquet"),
    )
    assert tinyai("refresh", "duo_v1", "--table", good, "--registry", registry, "--reason", "a <b> reason").code == 0
    assert tinyai("refresh", "duo_v1", "--table", bad, "--registry", registry).code == 3
    page = (make_site(registry) / "models" / "duo_v1" / "index.html").read_text()
    assert "a &lt;b&gt; reason" in page
    assert page.count('<circle class="point"') == 1
    assert page.count('<path class="refused"') == 1
    refused = json.loads((registry / ".tinyai" / "log" / "duo_v1" / "00000002.json").read_text())
    verdict = next(v for v in refused["account"]["gate"] if not v["passed"])
    assert f"{html.escape(verdict['criterion'])}: {verdict['value']:.4f}" in page


def test_words_of_the_registry_are_words_on_the_page(make_site, hostile):
    pages = {name: data.decode() for name, data in tree(make_site(hostile)).items() if name.endswith(".html")}
    assert len(pages) == 3 + len(HOSTILE)
    for name, page in pages.items():
        elements = Elements(page).found
        assert not [tag for tag, _ in elements if tag in {"img", "b", "iframe"}], name
        scripts = [attributes for tag, attributes in elements if tag == "script"]
        assert all(set(attributes) in ({"src", "defer"}, {"type", "id"}) for attributes in scripts)
        assert not [a for _, a in elements if any(key.startswith("on") or key == "style" for key in a)]
        assert not [a for _, a in elements if str(a.get("href", "")).startswith("javascript")]
        assert "49" not in re.findall(r"<h1><bdi>(.*?)</bdi>", page)
    headings = {html.unescape(h) for page in pages.values() for h in re.findall(r"<h1><bdi>(.*?)</bdi></h1>", page)}
    assert set(HOSTILE.values()) <= headings


def test_no_page_is_written_outside_of_the_folder(make_site, hostile, tmp_path):
    site = make_site(hostile)
    inside = {path.resolve() for path in site.rglob("*")}
    assert all(site.resolve() in path.parents for path in inside)
    assert {path.name for path in tmp_path.iterdir()} == {"registry", "catalogue"}


def test_every_model_has_a_page_of_its_own_on_every_file_system(make_site, example):
    index = json.loads((example / "registry.json").read_text())
    names = ["model-0", "<b>", "Net", "net"]
    index["models"] += [{**index["models"][0], "id": name} for name in names]
    (example / "registry.json").write_text(json.dumps(index))
    folders = [path.name for path in (make_site(example) / "models").iterdir()]
    assert len({name.casefold() for name in folders}) == 1 + len(names)
    assert {"fr_regressor_v1", "model-0"} < set(folders)


def test_every_link_leads_somewhere(make_site, hostile):
    site = make_site(hostile)
    for page in site.rglob("*.html"):
        for tag, attributes in Elements(page.read_text()).found:
            target = attributes.get("href") or attributes.get("src")
            if tag in {"a", "link", "script"} and target and not target.startswith("#"):
                assert (page.parent / target.partition("#")[0]).is_file(), (page, target)


def test_a_card_leads_to_what_is_beside_the_page_or_elsewhere_and_nowhere_else(make_site, example):
    card = example / "fr_regressor_v1.md"
    links = {"it": "fr_regressor_v1.onnx", "far": "https://example.org/x", "up": "../x.md", "host": "//evil.example/x"}
    words = " ".join(f"[{word} *there*]({target})" for word, target in links.items())
    card.write_text(f"{card.read_text()}\n{words} ![seen](https://evil.example/x.png) ![a plot](fr_regressor_v1.png)\n")
    page = (make_site(example) / "models" / "fr_regressor_v1" / "index.html").read_text()
    found = Elements(page.partition('class="card"')[2].partition("<h2 id")[0]).found
    assert [attributes["href"] for tag, attributes in found if tag == "a"][-2:] == [links["it"], links["far"]]
    assert not [attributes for tag, attributes in found if tag == "img"]
    assert "up <em>there</em> host <em>there</em> seen a plot" in page


def test_a_catalogue_is_replaced_whole_and_is_the_same_each_time(make_site, example):
    first = tree(make_site(example))
    (example / "fr_regressor_v1.md").unlink()
    second = tree(make_site(example))
    assert "models/fr_regressor_v1/fr_regressor_v1.md" in first.keys() - second.keys()
    assert tree(make_site(example, "other")) == second


@pytest.mark.parametrize("what", ["a folder with something in it", "a file", "a link"])
def test_what_is_no_catalogue_is_not_replaced(tinyai, example, tmp_path, what):
    target = tmp_path / "target"
    if what == "a file":
        target.write_text("mine")
    else:
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "thesis.txt").write_text("mine")
        shutil.copytree(tmp_path / "mine", target) if what != "a link" else target.symlink_to(tmp_path / "mine")
    before = tree(tmp_path)
    result = tinyai("site", "--registry", example, "-o", target)
    assert result.code == 2
    assert (
        result.err.splitlines()[-1]
        == f"tinyai: {target} is no catalogue that `tinyai site` made; choose a folder that is empty or new"
    )
    assert tree(tmp_path) == before


def test_where_the_disk_is_full_the_old_catalogue_stays(tinyai, make_site, example, tmp_path):
    resource = pytest.importorskip("resource")
    pages = make_site(example)
    before, limits = tree(tmp_path), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    ran = tinyai("site", "--registry", example, "-o", pages)
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (ran.code, ran.err) == (2, f"tinyai: cannot write {pages}: File too large\n")
    assert tree(tmp_path) == before


def test_the_registry_is_left_as_it_is(make_site, hostile):
    before = tree(hostile)
    make_site(hostile)
    assert tree(hostile) == before


def test_a_registry_without_models_has_a_page_too(make_site, registry):
    assert "0 models" in (make_site(registry) / "index.html").read_text()
