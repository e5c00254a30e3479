"""What a user can get wrong, and the exit code that says so.

Every message is one sentence or two: what is wrong, where, and what to do. The command line prints it
without a traceback; ``--debug`` shows one.
"""

from __future__ import annotations

from typing import ClassVar


class TinyaiError(Exception):
    """Base of every error that is the user's to mend (bad input or usage: exit code 2)."""

    exit_code: ClassVar[int] = 2


class ConfigError(TinyaiError):
    """``tinyai.toml`` is unreadable or lacks what the command needs."""


class DocumentError(TinyaiError):
    """A JSON document is not strict JSON, or does not have the shape that its schema asks for."""


class ScaffoldError(TinyaiError):
    """A new plugin cannot be written there, or not under that name."""


class RecipeError(TinyaiError):
    """A plugin declared a recipe that contradicts itself."""


class RegistryError(TinyaiError):
    """The registry folder is missing, unreadable, or has no such model."""


class TableError(TinyaiError):
    """The feature table breaks the table contract."""


class LogError(TinyaiError):
    """A log of libvmaf, or the manifest that names it, cannot become rows of a table."""


class EngineError(TinyaiError):
    """The processes or machines that do the work failed; what they had finished is kept."""


class PluginError(TinyaiError):
    """A plugin misbehaved; the message names it and its distribution."""


class VerificationError(TinyaiError):
    """An exported artifact does not do what the trained model does, or the runtime would refuse it."""


class RecipeChangedError(TinyaiError):
    """The recipe differs from the one that the registered release was made with."""

    exit_code = 4


class PublishError(TinyaiError):
    """The release could not be put into the registry; the registry is as it was."""


class RegistryBusyError(TinyaiError):
    """Another process changed the registry while this one was about to, or left it half-swapped."""

    exit_code = 5


class OvertakenError(RegistryBusyError):
    """Another writer took this one for dead, or was quicker; what was begun is the other's to finish."""
