"""The checks of a validation on a release that is about to be committed: what they would reject is not published."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from tinyai_registry.checks import identity, schemas, signatures
from tinyai_registry.checks.excusing import excuse_findings
from tinyai_registry.checks.finding import Finding, Severity
from tinyai_registry.checks.subject import read_subject
from tinyai_registry.documents.excuses import Excuse
from tinyai_registry.documents.index import INDEX
from tinyai_registry.documents.row import is_kept
from tinyai_registry.documents.sidecar_types import Row
from tinyai_registry.errors import VerificationError
from tinyai_registry.files import File, Folder, Problem, Unreadable, sha256_of
from tinyai_registry.onnxfile.inspector import Inspector
from tinyai_registry.onnxfile.runtime import Runtime
from tinyai_registry.release import Release
from tinyai_registry.store.registry import Registry
from tinyai_registry.workflows.validate import check_model

# Where the key of a row stands in a pointer that leads to it.
KEY_IN_POINTER = 3


@dataclass(frozen=True)
class StagedFolder(Folder):
    """A registry folder as it will be: with the files of a release that is still in memory."""

    files: Mapping[str, bytes]
    withdrawn: frozenset[str]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every file in it and below, as in :class:`Folder`."""
        return tuple(sorted({*Folder(self.root).names, *self.files} - self.withdrawn))

    def fetch(self, name: str, limit: int) -> File | Unreadable:
        """The file ``name``, of at most ``limit`` bytes."""
        if name in self.withdrawn:
            return Unreadable(name, Problem.MISSING, "is missing")
        if name not in self.files:
            return super().fetch(name, limit)
        data = self.files[name]
        if len(data) > limit:
            return Unreadable(name, Problem.SIZE, f"has {len(data)} bytes; at most {limit} can be read")
        return File(name, data)


def check_release(release: Release, registry: Registry, runtime: Runtime, excuses: Sequence[Excuse] = ()) -> None:
    """Raises VerificationError if a validation of ``registry`` for ``runtime`` would find an error in ``release``.

    What others have to mend is not judged: neighbours, what the row keeps of before, and a signature, which its owner
    can renew only when the new bytes are there; nor what ``excuses`` name.
    """
    with Inspector() as inspector:
        found = list(_findings(release, registry, runtime, inspector))
    told, _ = excuse_findings([each for each in found if not _is_of_kept_key(each, release, registry)], excuses)
    _refuse(release, [each for each in told if each.rule.severity is Severity.ERROR and each.excuse is None])


def require_no_new_error(release: Release, before: Sequence[Row], registry: Registry, runtime: Runtime) -> None:
    """Raises VerificationError if ``release`` has an error that what stands there, the rows ``before``, has not.

    So a model can be renamed, or mended in part, though something else is wrong with it. What the release amends is its
    own, whatever was wrong with that before.
    """
    standing = Release(release.model, {}, tuple(before))
    with Inspector() as inspector:
        known = Counter(each.rule for each in _findings(standing, registry, runtime, inspector))
        found = list(_findings(release, registry, runtime, inspector))
    errors = [each for each in found if each.rule.severity is Severity.ERROR]
    now = Counter(each.rule for each in errors)
    _refuse(release, [e for e in errors if now[e.rule] > known[e.rule] or _key_of_row(e) in release.amended])


def tell_unsigned(release: Release, root: Path, runtime: Runtime) -> str | None:
    """Why the signature that the row of ``release`` names is none of it; None where it may be one, or none is named.

    Only its owner can mend that, and only when the release is there: so it stands in no file of the release.
    """
    folder = StagedFolder(root, release.files, frozenset(release.withdrawn))
    digests = {name: sha256_of(data) for name, data in release.files.items()}
    subject = read_subject(folder, 0, release.rows[0], runtime)
    for found in signatures.of_model(subject, folder, digests, None, datetime.now(UTC).date()):
        if found.rule.severity is not Severity.INFO:
            return f"{release.rows[0][signatures.KEY]}: {found.rule.title} ({found.rule.code})"
    return None


def _refuse(release: Release, errors: Sequence[Finding]) -> None:
    if errors:
        more = f" (and {len(errors) - 1} more)" if errors[1:] else ""
        raise VerificationError(
            f"the release of {release.model} would not pass `tinyai validate`, so it was not published: "
            f"{errors[0].file}: {errors[0].message} ({errors[0].rule.code}){more}. If it is not your option, plugin, "
            "table, row or file that says so, this is a fault of tinyai-registry: please report it"
        )


def _key_of_row(found: Finding) -> str | None:
    """The key of a row that a finding is about; None where it is about something else."""
    at = found.pointer.split("/")  # "/models/0/license" where it is a key of a row
    return at[KEY_IN_POINTER] if found.file == INDEX and len(at) > KEY_IN_POINTER else None


def _is_of_kept_key(found: Finding, release: Release, registry: Registry) -> bool:
    key, ours = _key_of_row(found), {row["id"] for row in release.rows}
    if key is None or found.model is None or found.model not in ours:
        return False
    return key not in release.amended and is_kept(key, registry.row(found.model))


def _findings(release: Release, registry: Registry, runtime: Runtime, inspector: Inspector) -> Iterator[Finding]:
    folder = StagedFolder(registry.root, release.files, frozenset(release.withdrawn))
    ours = {row["id"] for row in release.rows}
    gone = {row.get("previous_id") for row in release.rows} if release.previous_id else set()
    others = [row for row in registry.rows if row.get("id") not in ours | gone]
    by_id = {row["id"]: row for row in (*others, *release.rows) if isinstance(row.get("id"), str)}
    yield from (found for found in identity.of_rows([*others, *release.rows]) if found.model in ours)
    yield from schemas.of_registry({"models": list(release.rows), "schema_version": 1})
    for index, row in enumerate(release.rows):
        subject = read_subject(folder, index, row, runtime)
        yield from check_model(subject, folder, by_id, runtime, inspector)
