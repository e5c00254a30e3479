"""Which hooks were called, of whom, with what, and what they answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

from tinyai_registry.plugins.installed import Plugins


@dataclass
class HookCall:
    """One call of one plugin's hook. ``answer`` stays None where the plugin raised, or answered what it must not."""

    plugin: str
    hook: str
    arguments: Mapping[str, Any]
    answer: Any = None


@contextmanager
def record() -> Iterator[list[HookCall]]:
    """Every hook call of this process from here on, in order; but ``tinyai_recipes``, which is asked at discovery."""
    calls: list[HookCall] = []
    ask = Plugins.ask

    def noted(self: Plugins, hook: str, name: str, arguments: Mapping[str, Any]) -> Any:
        call = HookCall(name, hook, arguments)
        calls.append(call)
        call.answer = ask(self, hook, name, arguments)
        return call.answer

    with mock.patch.object(Plugins, "ask", noted):
        yield calls
