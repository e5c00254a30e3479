"""Finishing what a process began and did not live to finish.

What is committed is brought into place, what is not is dropped; a recovery can itself be killed, and the next one
does the rest.
"""

from __future__ import annotations

from pathlib import Path

from tinyai_registry.errors import RegistryBusyError
from tinyai_registry.store import layout
from tinyai_registry.store.turn import PATIENCE, writing


def is_pending(root: Path) -> bool:
    """Whether a publish is under way, or was when its process died."""
    return bool(layout.pending(root))


def settle(root: Path) -> None:
    """Recover the registry ``root`` if a writer died in it; called by every command that opens one.

    A writer that is at work is left alone. Raises RegistryBusyError if there is something to finish and this process
    may not write.
    """
    try:
        recover(root, patience=0)
    except RegistryBusyError:
        return  # somebody is at work; readers see one release or the other
    except OSError as error:
        raise RegistryBusyError(
            f"{root} was left half-published, and cannot be mended from here ({error.strerror}); "
            "run `tinyai recover` with the right to write"
        ) from error


def recover(root: Path, patience: float = PATIENCE) -> list[str]:
    """Finish every publish that died; returns the models concerned. Raises RegistryBusyError if a writer is at work."""
    models = sorted({layout.model_of(folder) for folder in layout.pending(root)})
    if models:
        with writing(root, "recovery", patience):
            pass  # a turn begins with what there is to finish
    return models
