"""A full or broken disk at any operation: one line that says so, and one release or the other, whole."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import pytest
from harness import Failing, assert_sound, contents, drawn_alike, fast_folder, watched
from test_kill import SCENARIOS, before_and_after

from tinyai_registry.errors import PublishError, RegistryBusyError, TinyaiError

ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES)


@pytest.fixture
def folder():
    with fast_folder() as name:
        yield Path(name)


@pytest.mark.parametrize("for_good", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("number", ERRORS, ids=lambda number: errno.errorcode[number])
@pytest.mark.parametrize("scenario", ["first publish", "refresh that withdraws", "rollback to a foreign release"])
def test_where_the_disk_fails_the_release_is_the_old_one_or_published(folder, tell, scenario, number, for_good):
    make, act = SCENARIOS[scenario]
    start, old, new = before_and_after(folder, make, act)
    root, told = folder / "root", {"published": 0, "not published": 0, "published, but": 0}
    for nth in range(10_000):
        shutil.copytree(start, root)
        disk = Failing(nth, number, for_good=for_good)
        said: TinyaiError | None = None
        try:
            with drawn_alike(), watched(disk):
                act(root)
        except TinyaiError as error:
            said = error
        if not disk.failed:
            break
        where = f"{scenario}, {errno.errorcode[number]} at {nth}: {said!r}"
        told[outcome(said, where)] += 1
        if isinstance(said, PublishError):
            assert contents(root) == old, where  # at once, before anything is recovered
        assert_sound(root, *((old, old) if isinstance(said, PublishError) else (new, new)), where)
        shutil.rmtree(root)
    how = "from then on" if for_good else "once"
    tell(f"{scenario}, {errno.errorcode[number]} at each of {nth} operations, {how}: {told}")
    assert nth >= 30
    assert all(told[each] for each in (["not published", "published, but"] if for_good else ["not published"]))


def outcome(said: TinyaiError | None, where: str) -> str:
    """What became of a publish, by its own account."""
    if said is None:
        return "published"
    assert "\n" not in str(said), where
    assert not isinstance(said, RegistryBusyError) or "is published, but" in str(said), where
    assert isinstance(said, PublishError | RegistryBusyError), where
    return "published, but" if isinstance(said, RegistryBusyError) else "not published"
