"""What can be wrong with the log of a registry, and between it and the files."""

from __future__ import annotations

from tinyai_registry.checks.finding import Rule, Severity

CHANGED = Rule(
    "TAI611",
    "log-entry-changed",
    Severity.ERROR,
    "an entry of the log was changed",
    "Each entry carries a digest of itself and of the one before. History that can be edited unseen proves nothing.",
    "Restore the entry from git. `tinyai log MODEL` shows what it says.",
)
BROKEN = Rule(
    "TAI612",
    "log-broken",
    Severity.ERROR,
    "entries of the log are missing or out of order",
    "The entries of a model are a chain. One that was removed or moved is a publish, a refusal or a rollback that "
    "somebody would rather not have had.",
    "Restore the entry from git. Two branches that published the same model have to be published again, one after the "
    "other.",
)
FILES = Rule(
    "TAI613",
    "files-not-published",
    Severity.ERROR,
    "the files are not those that the log says were published",
    "A release is whole or not at all. A sidecar, card or graph that is not the published one was changed, or "
    "restored, on its own.",
    "`git checkout` the files, or `tinyai rollback` to a release that is whole.",
)
ROWS = Rule(
    "TAI614",
    "row-not-published",
    Severity.ERROR,
    "a row is not the one that the log says was published",
    "The row pins the files of a release; with another's digest it vouches for something that was never published.",
    "Restore registry.json from git, or run `tinyai recover`, which writes the row of the last release again.",
)
ENTRY_SCHEMA = Rule(
    "TAI616",
    "log-entry-schema",
    Severity.ERROR,
    "an entry of the log breaks its schema",
    "Recovery and rollback do what the log says: they write the files that it names, and remove others. An entry that "
    "names a file in a hidden folder, or a digest that is none, was not written by this tool.",
    "Find out where the entry came from, and restore it from git; `tinyai schema log-entry` prints what it has to be.",
)
LINK = Rule(
    "TAI617",
    "linked-store",
    Severity.ERROR,
    "a link lies in the store",
    "The store, `.tinyai`, has no links. Through one, whoever writes into the registry would write or remove files "
    "elsewhere; git carries links, so one may have come with somebody's branch.",
    "Find out where it came from, and remove it. No command follows it; those that write refuse.",
)
RESTORED = Rule(
    "TAI618",
    "rollback-differs",
    Severity.ERROR,
    "a rollback restores what was never released",
    "A rollback publishes the files and rows of an earlier entry again. One that names other files brings in a model "
    "that no gate has seen, under the name of one that it has.",
    "Find out where the entry came from, and restore the log from git.",
)
