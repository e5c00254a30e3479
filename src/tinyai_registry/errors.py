"""What a user can get wrong, and the exit code that says so.

Every message is one sentence or two: what is wrong, where, and what to do. The command line prints it
without a traceback; ``--debug`` shows one.
"""

from __future__ import annotations

from typing import ClassVar


class TinyaiError(Exception):
    """Base of every error that is the user's to mend (bad input or usage: exit code 2)."""

    exit_code: ClassVar[int] = 2


class MissingLibraryError(TinyaiError, ImportError):
    """A library is not installed; the message names the extra that brings it."""


# The extra that brings a library, or what a wing needs; every other library comes with the lab.
_OF_LIBRARY = {"distributed": "dask"}
_OF_WING = {"tables": "tables", "catalogue": "site"}


def explain_missing(error: ModuleNotFoundError) -> MissingLibraryError:
    """What to say where ``error`` was raised: which library is missing, and which extra brings it.

    Several extras bring pandas: the one that is named is that of the wing which was being imported. Raises ``error``
    itself where a module of ours is missing, which is no user's mistake.
    """
    name, rooms, trace = error.name or "", [], error.__traceback__
    if name.startswith("tinyai_registry"):
        raise error
    while trace is not None:
        rooms += str(trace.tb_frame.f_globals.get("__name__")).split(".")[1:2]
        trace = trace.tb_next
    of_wing = next((_OF_WING[room] for room in rooms if room in _OF_WING), "lab")
    extra = _OF_LIBRARY.get(name.partition(".")[0], of_wing)
    return MissingLibraryError(f"this needs {name}: pip install 'tinyai-registry[{extra}]'")


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
