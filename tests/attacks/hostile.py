"""Work of which some kills whoever does it: workers import it by the name of this module.

What the work itself takes is imported when it is done; the light installation looks into this folder, too.
"""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinyai_registry.workflows.judging.portion import Portion, Predictions
    from tinyai_registry.workflows.load import Share, Told


def try_or_die(share: Share) -> list[Told]:
    """As ``try_models``, but that the model ``hostile`` kills its worker."""
    if any(each.row["id"] == "hostile" for each in share.models):
        os.kill(os.getpid(), signal.SIGKILL)
    from tinyai_registry.workflows.load import try_models

    return try_models(share)


def predict_or_die_once(portion: Portion) -> Predictions:
    """As ``predict_portion``, but that the first worker is killed when it has half written one."""
    folder = Path(portion.folder)
    if not (folder.parent / "killed").exists():
        (folder.parent / "killed").touch()
        (folder / "half.npz.1.tmp").write_bytes(b"PK")
        os.kill(os.getpid(), signal.SIGKILL)
    from tinyai_registry.workflows.judging.portion import predict_portion

    return predict_portion(portion)


def predict_first_and_die(portion: Portion) -> Predictions:
    """As ``predict_portion`` for the first model, once that is there; every other one kills its worker."""
    if portion.numbers[0]:
        while not list(Path(portion.folder).glob("*.npz")):
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGKILL)
    from tinyai_registry.workflows.judging.portion import predict_portion

    return predict_portion(portion)


def predict_elsewhere(portion: Portion) -> Predictions:
    """As ``predict_portion`` on a machine that sees none of the table's files, and where each of them has a URL."""
    from tinyai_registry.workflows.judging.portion import predict_portion

    basis = portion.basis
    data = basis.data.moved(lambda path: Path("elsewhere", path.name))
    assert data.urls
    return predict_portion(replace(portion, basis=replace(basis, data=data)))
