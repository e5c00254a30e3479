"""Which installed distributions announce a plugin, and which of them are too broken to be asked.

``importlib.metadata.entry_points`` trusts every folder that ends in ``.dist-info``: one without a name raises, and the
remains of one hide a sound distribution that comes later on the path. Here a broken one is a failed plugin, named by
its path, and hides nothing.
"""

from __future__ import annotations

import email
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from itertools import takewhile

from tinyai_registry.errors import PluginError
from tinyai_registry.plugins.hookspecs import ENTRY_POINT_GROUP
from tinyai_registry.plugins.plugin import Plugin, describe_error


@dataclass(frozen=True)
class Announced:
    """A plugin that a distribution announces; ``entry_point`` is None where the distribution is broken."""

    plugin: Plugin
    entry_point: metadata.EntryPoint | None


def find_announced() -> list[Announced]:
    """Every plugin that an entry point announces: those of sound distributions by name, then those of broken ones."""
    found = [each for distribution in metadata.distributions() for each in _read(distribution)]
    return sorted(found, key=lambda each: (each.entry_point is None, each.plugin.name))


def _read(distribution: metadata.Distribution) -> Iterator[Announced]:
    names = ["unknown"]
    try:
        entry_points = _select_entry_points(distribution)
        if not entry_points:
            return
        names = [each.name for each in entry_points]
        name, version = _identify(distribution)
    except PluginError as error:
        for each in names:
            yield Announced(Plugin(each, _locate(distribution), "?", "failed", str(error)), None)
        return
    if not _is_hidden(distribution, name):
        for point in entry_points:
            yield Announced(Plugin(point.name, name, version, "active"), point)


def _locate(distribution: metadata.Distribution) -> str:
    """The folder with the metadata, which no public attribute names."""
    return str(getattr(distribution, "_path", distribution.locate_file("")))


def _select_entry_points(distribution: metadata.Distribution) -> metadata.EntryPoints:
    """Those that announce a plugin. Raises PluginError if they cannot be read."""
    try:
        return distribution.entry_points.select(group=ENTRY_POINT_GROUP)
    except Exception as error:  # importlib raises what comes of a file that is anybody's
        raise PluginError(f"its entry_points.txt cannot be read: {describe_error(error)}") from error


def _identify(distribution: metadata.Distribution) -> tuple[str, str]:
    """The name and version of ``distribution``. Raises PluginError if it does not say both."""
    try:
        text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
    except Exception as error:
        raise PluginError(f"its METADATA cannot be read: {describe_error(error)}") from error
    fields = email.message_from_string(text)
    name, version = fields.get("Name"), fields.get("Version")
    if not name or not version:
        lacks = "Version in its METADATA" if name else "Name in its METADATA" if text else "METADATA"
        raise PluginError(f"it has no {lacks}; reinstall the distribution, or remove what is left of it")
    return str(name), str(version)


def _is_hidden(distribution: metadata.Distribution, name: str) -> bool:
    """Whether a sound distribution of the same name comes before it on the path, as a module may hide another."""
    before = takewhile(lambda each: _locate(each) != _locate(distribution), metadata.distributions(name=name))
    return any(map(_is_sound, before))


def _is_sound(distribution: metadata.Distribution) -> bool:
    try:
        _identify(distribution)
        _select_entry_points(distribution)
    except PluginError:
        return False
    return True
