"""What can be wrong between a release and the logs that its table was made from.

These files lie outside the registry, and most readers do not have them: they are looked at only where somebody says
where they are.
"""

from __future__ import annotations

from collections.abc import Iterator

from tinyai_registry.checks.finding import Finding, Rule, Severity
from tinyai_registry.checks.subject import Subject
from tinyai_registry.documents import table_record
from tinyai_registry.documents.url import UrlError, name_of
from tinyai_registry.errors import DocumentError
from tinyai_registry.files import File, Folder, Problem
from tinyai_registry.text import shorten

MAX_LOG_BYTES = 2**31

RECORD_MISSING = Rule(
    "TAI911",
    "record-missing",
    Severity.WARNING,
    "the record of the table is not there, or is another's",
    "The sidecar names the record of its table by a digest, and the record names every log. Without it nobody can tell "
    "which logs a model was trained on.",
    "Put <table>.json back beside the table that tinyai.toml names; `tinyai table build` writes it.",
)
LOG_MISSING = Rule(
    "TAI912",
    "log-missing",
    Severity.INFO,
    "a log that the table was made from is not there",
    "What is not there cannot be held against its digest.",
    "Fetch the logs, or name another folder with --logs.",
)
LOG_DIFFERS = Rule(
    "TAI913",
    "log-differs",
    Severity.ERROR,
    "a log is not the one that the table was made from",
    "The record has the digest of each log as it was read. A log with other bytes was made again or edited since, and "
    "what the model was trained on is not what lies there.",
    "Put the log back, or build the table again and refresh the model.",
)

ORIGIN = "/table/origin/record_sha256"


def of_model(model: Subject, table: str | None, logs: Folder) -> Iterator[Finding]:
    """Whether digests lead from the sidecar to the record beside ``table`` (a path or URL), and from there to ``logs``.

    A release whose table said nothing of itself leads nowhere, and nothing is found.
    """
    told = model.said.get("table")
    origin = told.get("origin") if isinstance(told, dict) else None
    wanted = origin.get("record_sha256") if isinstance(origin, dict) else None
    if wanted is None:
        return
    try:
        record = None if table is None else table_record.read_beside(table)
    except (DocumentError, UrlError) as error:
        yield model.in_sidecar(RECORD_MISSING, str(error), ORIGIN)
        return
    if record is None or table_record.digest(record) != wanted:
        where = "tinyai.toml names no table of it" if table is None else f"beside {name_of(table)} lies no record"
        what = f"{where} with the SHA-256 {shorten(str(wanted))}"
        yield model.in_sidecar(RECORD_MISSING, what, ORIGIN)
        return
    yield from _of_logs(model, record, logs)


def _of_logs(model: Subject, record: table_record.Record, folder: Folder) -> Iterator[Finding]:
    missing = []
    for log in table_record.logs(record):
        found = folder.fetch(log["file"], MAX_LOG_BYTES)
        if isinstance(found, File):
            if found.sha256 != log["sha256"]:
                what = f"the log {shorten(log['file'])} has the SHA-256 {found.sha256}, and had {log['sha256']}"
                yield model.in_sidecar(LOG_DIFFERS, what, ORIGIN)
        elif found.problem is Problem.MISSING:
            missing.append(log["file"])
        else:
            yield model.in_sidecar(LOG_DIFFERS, f"the log {shorten(log['file'])} {found.what}", ORIGIN)
    if missing:
        more = f" and {len(missing) - 1} more" if missing[1:] else ""
        yield model.in_sidecar(LOG_MISSING, f"the log {shorten(missing[0])}{more} cannot be found", ORIGIN)
