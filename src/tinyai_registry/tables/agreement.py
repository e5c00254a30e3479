"""What the logs of one table have to have in common, and what is worth telling where they differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from tinyai_registry.errors import LogError
from tinyai_registry.tables.part import LogFacts, differ

# How an error names a log: with the line of the manifest that names it.
Place = Callable[[str], str]


def check_agreement(facts: Sequence[LogFacts], place: Place) -> None:
    """Raises LogError, which names the first log that differs, unless all are of one libvmaf and of the same frames."""
    first, seen = facts[0], dict[str, str]()
    named = next((each for each in facts if each.version), first)
    for each in facts:
        if each.sha256 in seen:
            raise LogError(
                f"{place(each.log)} is the same file as {seen[each.sha256]}, byte for byte; no two encodes have the "
                "same scores, so one was copied by mistake"
            )
        seen[each.sha256] = each.log
        if each.version and each.version != named.version:
            raise LogError(
                f"{place(each.log)} was made by libvmaf {each.version}, and {named.log} by {named.version}; a table "
                "has one extractor, so build two and keep them apart"
            )
        if why := differ(first, each.names):
            raise LogError(f"{place(each.log)} {why}")
        if each.step != first.step:
            raise LogError(
                f"{place(each.log)} has {every(each.step)}, and {first.log} {every(first.step)}; "
                "encodes would weigh differently, so run vmaf with one --subsample on all of them"
            )


def notes(facts: Sequence[LogFacts], columns: Mapping[str, str], unlisted: Sequence[str]) -> Iterator[str]:
    """What somebody should know who uses the table; ``columns`` has the column of each of libvmaf's names."""
    if unlisted:
        more = f" and {len(unlisted) - 1} more" if unlisted[1:] else ""
        yield f"no line of the manifest names the log {unlisted[0]}{more}; left out"
    rounded = Counter(each.is_rounded for each in facts)
    if len(rounded) > 1:
        odd = next(each for each in facts if each.is_rounded == (rounded[True] <= rounded[False]))
        how = "six decimals" if odd.is_rounded else "more than six decimals"
        yield f"the log {odd.log} has {how}, most others not; digits are kept as they are"
    empty = empty_cells(facts)
    for name, count in empty.items():
        where = next(each.log for each in facts if name in each.empty)
        frames = "frame" if count == 1 else "frames"
        yield f"{columns[name]} is infinite or undefined in {count} {frames}, first in {where}; the cells are empty"


def empty_cells(facts: Sequence[LogFacts]) -> dict[str, int]:
    """How many frames have no finite score, by libvmaf's name; names that have one everywhere are left out."""
    counts: Counter[str] = Counter()
    for each in facts:
        counts.update(each.empty)
    return dict(sorted(counts.items()))


def every(step: int) -> str:
    """Which frames have scores, in words.

    >>> [every(step) for step in (1, 2, 3, 11, 22)]
    ['every frame', 'every 2nd frame', 'every 3rd frame', 'every 11th frame', 'every 22nd frame']
    """
    if step == 1:
        return "every frame"
    endings = {1: "st", 2: "nd", 3: "rd"}
    teens = range(11, 14)
    return f"every {step}{'th' if step % 100 in teens else endings.get(step % 10, 'th')} frame"
