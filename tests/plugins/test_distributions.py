"""Distributions that are broken on the disk: each is failed, named by its path, and beats no sound one."""

from __future__ import annotations

import pytest

from tinyai_registry.plugins.discovery import discover

METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
POINTS = "[tinyai_registry]\nduo = fake_plugin\n"

# The name of the folder, METADATA, entry_points.txt, and why it fails. Text is written as UTF-8.
BROKEN = {
    "no name": ("team_fake-1.0.dist-info", "Metadata-Version: 2.1\nVersion: 1.0\n", POINTS, "no Name in its METADATA"),
    "an empty name": ("team_fake-1.0.dist-info", "Name:\nVersion: 1.0\n", POINTS, "no Name in its METADATA"),
    "no version": ("team_fake-1.0.dist-info", "Name: team-fake\n", POINTS, "no Version in its METADATA"),
    "no METADATA": ("team_fake-1.0.dist-info", None, POINTS, "no METADATA"),
    "an empty METADATA": ("team_fake-1.0.dist-info", "", POINTS, "no METADATA"),
    "the remains of the real one": ("tinyai_duo-9.0.dist-info", None, POINTS, "no METADATA"),
    "the remains of pip": ("~inyai_duo-9.0.dist-info", None, POINTS, "no METADATA"),
    "a METADATA of other bytes": ("team_fake-1.0.dist-info", b"Name: caf\xe9\nVersion: 1\n", POINTS, "METADATA cannot"),
    "an egg": ("team_fake.egg-info", None, POINTS, "no METADATA"),
    "entry points of other bytes": (
        "team_fake-1.0.dist-info",
        METADATA.format(name="team-fake"),
        POINTS.encode() + b"# caf\xe9\n",
        "its entry_points.txt cannot be read: UnicodeDecodeError",
    ),
    "entry points of other bytes, of the real one": (
        "tinyai_duo-9.0.dist-info",
        METADATA.format(name="tinyai-duo"),
        b"\xff\xfe",
        "its entry_points.txt cannot be read: UnicodeDecodeError",
    ),
    "entry points that are none": (
        "team_fake-1.0.dist-info",
        METADATA.format(name="team-fake"),
        "[tinyai_registry]\nno value\n",
        "its entry_points.txt cannot be read: ",
    ),
}


@pytest.fixture
def lay(tmp_path, monkeypatch):
    """Writes a distribution's folder into a place that Python looks into before all others."""

    def write(folder: str, metadata: str | bytes | None, points: str | bytes):
        info = tmp_path / "first" / folder
        info.mkdir(parents=True)
        for name, content in (("METADATA", metadata), ("entry_points.txt", points)):
            if content is not None:
                (info / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        (tmp_path / "first" / "fake_plugin.py").write_text("raise SystemExit('imported')")
        monkeypatch.syspath_prepend(tmp_path / "first")
        return info

    return write


@pytest.mark.parametrize(("folder", "metadata", "points", "why"), BROKEN.values(), ids=BROKEN)
def test_a_broken_distribution_is_failed_by_its_path_and_the_real_one_wins(
    tinyai, duo, lay, folder, metadata, points, why
):
    info = lay(folder, metadata, points)
    ran = tinyai("plugins", "--json")
    assert ran.code == 0
    by_distribution = {each["distribution"]: each for each in ran.json["plugins"]}
    broken = by_distribution[str(info)]
    assert (broken["status"], broken["version"], broken["models"]) == ("failed", "?", [])
    assert why in broken["reason"]
    assert "\n" not in broken["reason"]
    assert (by_distribution["tinyai-duo"]["status"], by_distribution["tinyai-duo"]["version"]) == ("active", "1.0")
    assert by_distribution["tinyai-duo"]["models"] == ["duo_v1"]
    assert discover().active("duo").distribution == "tinyai-duo"


def test_a_broken_distribution_that_announces_no_plugin_is_none_of_our_business(lay):
    info = lay("team_fake-1.0.dist-info", None, "[console_scripts]\nfake = fake_plugin:main\n")
    assert str(info) not in {each.distribution for each in discover().all}


def test_of_two_sound_distributions_of_one_name_the_first_on_the_path_counts(duo, lay):
    lay("tinyai_duo-9.0.dist-info", METADATA.format(name="tinyai-duo").replace("1.0", "9.0"), POINTS)
    [plugin] = [each for each in discover().all if each.distribution == "tinyai-duo"]
    assert (plugin.version, plugin.status, plugin.reason) == ("9.0", "failed", "SystemExit: imported")


def test_a_sound_distribution_hides_a_later_one_that_has_no_plugin_any_more(duo, lay):
    lay("tinyai_duo-9.0.dist-info", METADATA.format(name="tinyai-duo").replace("1.0", "9.0"), "")
    assert "duo" not in {each.name for each in discover().all}


def test_two_entry_points_on_one_module_are_told_apart_in_one_line(tinyai, duo, lay):
    lay("team_fake-1.0.dist-info", METADATA.format(name="team-fake"), "[tinyai_registry]\nzwei = duo_plugin\n")
    plugins = {each["name"]: each for each in tinyai("plugins", "--json").json["plugins"]}
    assert plugins["duo"]["status"] == "active"
    assert plugins["zwei"]["status"] == "failed"
    assert plugins["zwei"]["reason"] == "PluginError: plugin duo is the same module; keep one entry point of the two"


def test_two_entry_points_of_one_distribution_on_one_module(tinyai, install):
    site = install("twice", "")
    [points] = site.glob("*/entry_points.txt")
    points.write_text("[tinyai_registry]\ntwice = twice_plugin\nonce = twice_plugin\n")
    plugins = {each["name"]: each for each in tinyai("plugins", "--json").json["plugins"]}
    assert (plugins["once"]["status"], plugins["twice"]["status"]) == ("active", "failed")
    assert "plugin once is the same module" in plugins["twice"]["reason"]
    assert "0x" not in plugins["twice"]["reason"]
