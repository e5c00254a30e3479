"""Whether a publish could begin: tried, because permissions alone do not say so."""

from __future__ import annotations

import os
from pathlib import Path

from tinyai_registry.errors import OvertakenError, PublishError
from tinyai_registry.files import explain
from tinyai_registry.store import durable, layout
from tinyai_registry.store.takeover import new_workplace


def rehearse(root: Path, model: str) -> None:
    """Begin a publish of ``model`` as far as its workplace, and drop that again. Changes nothing.

    Raises PublishError if ``root``, or a folder in it that a publish changes, cannot be written.
    """
    try:
        workplace = new_workplace(root, model)
        try:
            durable.stage(workplace / "rehearsal", b"")
        finally:
            durable.remove_folder(workplace)
    except (FileNotFoundError, OvertakenError):
        pass  # another writer has taken the workplace away: whoever may write here may publish
    except OSError as error:
        raise PublishError(f"cannot publish into {root}: {explain(error)}; nothing was trained") from error
    for folder in layout.folders(root, model):
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PublishError(f"cannot publish into {root}: {folder} cannot be written; nothing was trained")
