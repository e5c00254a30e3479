"""Going back to a release of before: published again, through the same commit point."""

from __future__ import annotations

from pathlib import Path

from tinyai_registry.errors import RegistryError
from tinyai_registry.release import Account, Release
from tinyai_registry.store import layout, log, objects
from tinyai_registry.store.publish import publish
from tinyai_registry.store.turn import PATIENCE
from tinyai_registry.text import suggest


def rollback(root: Path, model: str, account: Account, to: str | None = None, patience: float = PATIENCE) -> log.Entry:
    """Publish an earlier release of ``model`` again: the one whose ONNX has the digest ``to``, else the one before.

    A second rollback goes back again to the one before. Raises RegistryError if there is no such release, or its files
    are no longer in the store.
    """
    entry, _ = publish(root, model, lambda: _restore(root, model, to), account, patience)
    return entry


def _restore(root: Path, model: str, to: str | None) -> Release:
    history = log.entries(root, model)
    head = log.head(root, model)
    if head is None:
        near = suggest(model, layout.logged_models(root))
        raise RegistryError(f"{root} has no history of {model!r}; there is nothing to go back to{near}")
    target = _target(model, history, head, to)
    files = {name: objects.get(root, model, sha256) for name, sha256 in target.files.items()}
    amended = dict.fromkeys(key for entry in history if entry.number > target.number for key in entry.amended)
    return Release(model, files, target.rows, restores=target.number, amended=tuple(amended))


def _target(model: str, history: list[log.Entry], head: log.Entry, to: str | None) -> log.Entry:
    releases = [entry for entry in history if not entry.is_removal]
    if to is None:
        earlier = [entry for entry in releases if entry.number < head.release_number]
        if not earlier:
            raise RegistryError(f"{model} has no release before the registered one")
        # What was registered before may itself have been a rollback; then it stands for what that restored.
        stands_for = earlier[-1].release_number
        found = [entry for entry in releases if entry.number == stands_for]
        if not found:
            raise RegistryError(
                f"the log of {model} restores entry {stands_for}, which is no release; restore it from git"
            )
        return found[0]
    originals = [entry for entry in releases if entry.restores is None]
    found = [entry for entry in originals if any(digest.startswith(to) for digest in _digests(entry))]
    if not found:
        raise RegistryError(f"{model} has no release whose ONNX has the digest {to}; see `tinyai log {model}`")
    meant = {digest for entry in found for digest in _digests(entry) if digest.startswith(to)}
    if len(meant) > 1:
        raise RegistryError(
            f"{to} is ambiguous: {model} has {', '.join(sorted(d[:16] for d in meant))}; give more of it"
        )
    return found[-1]


def _digests(entry: log.Entry) -> list[str]:
    return [str(row.get("sha256", "")) for row in entry.rows]
