"""One installed plugin, and who is blamed for what goes wrong in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from tinyai_registry.errors import PluginError, TinyaiError
from tinyai_registry.recipe import Imported, Recipe

# Characters of a plugin's error that a message repeats.
MAX_REASON = 500


@dataclass(frozen=True)
class Plugin:
    """One installed plugin. ``reason`` says why it is blocked or failed; ``hooks`` are those it implements."""

    name: str
    distribution: str
    version: str
    status: Literal["active", "blocked", "failed"]
    reason: str | None = None
    hooks: tuple[str, ...] = ()
    recipes: tuple[Recipe, ...] = ()
    imports: tuple[Imported, ...] = ()

    def __str__(self) -> str:
        return f"plugin {self.name} ({self.distribution} {self.version})"

    @contextmanager
    def blame_for(self, what: str) -> Iterator[None]:
        """Blame this plugin for what is raised within: raises PluginError with its name and ``what``.

        A TinyaiError that is no PluginError passes: it names its cause already. So does KeyboardInterrupt, which is the
        user's.
        """
        try:
            yield
        except PluginError as error:
            raise PluginError(f"{self}: {what} {error}") from error
        except (KeyboardInterrupt, TinyaiError):
            raise
        except BaseException as error:
            raise PluginError(f"{self}: {what} raised {describe_error(error)}") from error


def describe_error(error: BaseException) -> str:
    """The class of ``error`` and what it says, in one line of bounded length."""
    try:
        said = str(error)
    except KeyboardInterrupt:
        raise
    except BaseException as fault:  # noqa: BLE001  # `__str__` is the plugin's code too
        said = f"(its message raises {type(fault).__name__})"
    words = " ".join(said.split())[:MAX_REASON]
    return f"{type(error).__name__}: {words}" if words else type(error).__name__
