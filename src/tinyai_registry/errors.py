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
    """A library is not installed, or cannot be loaded; the message names the extra that brings it, or says why."""


# The extra that brings a library, or what a wing needs; every other library comes with the lab.
_OF_LIBRARY = {"distributed": "dask"}
_OF_WING = {"tables": "tables", "catalogue": "site"}


def explain_missing(error: ImportError) -> MissingLibraryError:
    """What to say where ``error`` was raised: which library is missing, and which extra brings it; or why it is no use.

    Several extras bring pandas: the one that is named is that of the wing which was being imported. Raises ``error``
    itself where a module of ours is missing, which is no user's mistake.
    """
    if _is_ours(error):
        raise error
    modules = [name.split(".") for name in _modules(error)]
    if not isinstance(error, ModuleNotFoundError):
        [library, *_] = modules[-1] if modules[-1][0] != "tinyai_registry" else (error.name or "a library").split(".")
        [*_, why] = str(error).strip().splitlines() or ["it does not say why"]
        return MissingLibraryError(
            f"this needs {library}, which cannot be loaded ({why}); install it anew, or give the command more memory"
        )
    name, rooms = error.name or "", [name[1] for name in modules if name[1:]]
    of_wing = next((_OF_WING[room] for room in rooms if room in _OF_WING), "lab")
    extra = _OF_LIBRARY.get(name.partition(".")[0], of_wing)
    return MissingLibraryError(f"this needs {name}: pip install 'tinyai-registry[{extra}]'")


def _is_ours(error: ImportError) -> bool:
    return (error.name or "").startswith("tinyai_registry")


def _modules(error: ImportError) -> list[str]:
    """The modules through which ``error`` has come, the one that raised it last; not those that import for Python."""
    names, trace = [], error.__traceback__
    while trace is not None:
        names.append(str(trace.tb_frame.f_globals.get("__name__")))
        trace = trace.tb_next
    return [name for name in names if not name.startswith("importlib.")]


def in_words(error: Exception) -> TinyaiError | None:
    """What to say of ``error`` if it is the user's or the system's; None of one that is ours."""
    match error:
        case TinyaiError():
            return error
        case ImportError():
            return None if _is_ours(error) else explain_missing(error)
        case MemoryError():
            return TinyaiError("there is too little memory for this; free some, or raise the limit (ulimit -v)")
        case OSError():  # nobody below has a better word for it than the system's
            return TinyaiError(f"{error.filename or 'the disk'}: {error.strerror or error}")
    return None


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
