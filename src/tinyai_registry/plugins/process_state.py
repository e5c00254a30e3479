"""Settings of the whole process that a plugin's import may change: they are set back, and the plugin is named.

Else the model of another plugin would be trained in the wrong precision, or its table looked for in the wrong folder.
"""

from __future__ import annotations

import locale
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Setting:
    """One setting, by what people call it. ``initial`` is its value in a library that has not been imported yet."""

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], object]
    initial: Any = None


@contextmanager
def restore_settings() -> Iterator[list[str]]:
    """Within, a setting may change; afterwards it is what it was, and the list has the names of those that changed."""
    changed: list[str] = []
    before = [(setting, setting.read()) for setting in SETTINGS]
    try:
        yield changed
    finally:
        for setting, value in before:
            wanted, now = setting.initial if value is None else value, setting.read()
            if now not in (None, wanted) and wanted is not None:
                setting.write(wanted)
                changed.append(setting.name)


def _working_directory() -> str | None:
    with suppress(FileNotFoundError):
        return os.getcwd()  # noqa: PTH109 - a folder to go back to, not to look into
    return None


def _error_filters() -> list[Any]:
    """Those that make an exception of somebody's warning; one that hides warnings harms nobody, and numpy adds some."""
    return [each for each in warnings.filters if each[0] == "error"]


def _drop_error_filters(kept: list[Any]) -> None:
    filters = [each for each in warnings.filters if each[0] != "error" or each in kept]
    warnings.filters[:] = filters  # type: ignore[index]  # a list, says the manual
    with warnings.catch_warnings():
        pass  # the end of this makes the interpreter forget what it decided by the filters before


def _in(module: str, read: Callable[[Any], Any]) -> Callable[[], Any]:
    """``read(module)`` where the module is imported; else None. It is never imported for this."""

    def ask() -> Any:
        found = sys.modules.get(module)
        return None if found is None else read(found)

    return ask


def _to(module: str, write: Callable[[Any, Any], object]) -> Callable[[Any], object]:
    """``write(module, value)``, for a module that has been imported since."""
    return lambda value: write(sys.modules[module], value)


SETTINGS = (
    Setting("the working directory", _working_directory, os.chdir),
    Setting("the locale", lambda: locale.setlocale(locale.LC_ALL), lambda v: locale.setlocale(locale.LC_ALL, v)),
    Setting("the warning filters", _error_filters, _drop_error_filters),
    Setting(
        "numpy's error handling",
        _in("numpy", lambda numpy: numpy.geterr()),
        _to("numpy", lambda numpy, value: numpy.seterr(**value)),
        {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"},
    ),
    Setting(
        "torch's default dtype",
        _in("torch", lambda torch: str(torch.get_default_dtype()).removeprefix("torch.")),
        _to("torch", lambda torch, value: torch.set_default_dtype(getattr(torch, value))),
        "float32",
    ),
    Setting(
        "torch's default device",
        _in("torch", lambda torch: str(torch.get_default_device())),
        _to("torch", lambda torch, value: torch.set_default_device(None if value == "cpu" else value)),
        "cpu",
    ),
    Setting(
        "torch's gradient mode",
        _in("torch", lambda torch: torch.is_grad_enabled()),
        _to("torch", lambda torch, value: torch.set_grad_enabled(value)),
        True,
    ),
    Setting(
        "torch's precision of matrix products",
        _in("torch", lambda torch: torch.get_float32_matmul_precision()),
        _to("torch", lambda torch, value: torch.set_float32_matmul_precision(value)),
        "highest",
    ),
)
