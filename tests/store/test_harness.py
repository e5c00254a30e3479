"""The harness sees everything: what Python itself reports of a publish is what the harness counted."""

from __future__ import annotations

import re
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from harness import (
    ACCOUNT,
    WRITING,
    Op,
    fast_folder,
    forked,
    killed_at,
    killed_everywhere,
    landscape,
    put,
    waited,
    watched,
)
from test_kill import foreign

from tinyai_registry.store.recovery import recover
from tinyai_registry.store.rollback import rollback

EVENTS = {
    "os.rename": "rename",
    "os.link": "link",
    "os.remove": "remove",
    "os.mkdir": "mkdir",
    "os.rmdir": "rmdir",
    "os.symlink": "symlink",
    "os.truncate": "truncate",
    "os.chmod": "chmod",
    "os.chown": "chown",
    "os.utime": "utime",
}
RANDOM = re.compile(r"[0-9a-f]{16,}")  # names of workplaces, entries of a log, and digests of these
RANDOM_BYTES = re.compile(RANDOM.pattern.encode())

SAME = {"replace": "rename", "unlink": "remove", "fchmod": "chmod", "fchown": "chown"}


@pytest.fixture
def root():
    with fast_folder() as name:
        folder = Path(name) / "registry"
        foreign(folder)
        yield folder


def test_no_change_to_the_disk_goes_by_uncounted(root):
    assert waited(forked(lambda: compare(root))) == 0  # in a child: an audit hook stays for good


def compare(root: Path) -> None:
    audited: list[str] = []
    counted: list[str] = []
    listening = False

    def attempted(op: Op, perform: Callable[[], Any]) -> Any:
        counted.append(SAME.get(op.kind, op.kind))
        return perform()

    def hook(event: str, arguments: tuple) -> None:
        if listening and event in EVENTS:
            audited.append(EVENTS[event])
        elif listening and event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING:
            audited.append("open")

    sys.addaudithook(hook)
    with watched(attempted):
        listening = True
        put(root, "b", "1")
        put(root, "b", "2")
        rollback(root, "b", ACCOUNT)
        (root / ".tinyai" / "pending" / "b.dead").mkdir()
        recover(root)
        listening = False
    unseen = {"write", "fsync"}  # of which Python reports nothing
    assert Counter(kind for kind in counted if kind not in unseen) == Counter(audited)
    assert unseen < set(counted)


def test_a_copy_at_a_point_is_what_is_left_of_a_process_that_is_killed_there(root):
    """But for names that are drawn at random, and for times."""
    start = root.with_name("start")
    root.rename(start)
    for nth, copied in enumerate(killed_everywhere(start, publish)):
        shutil.copytree(start, root)
        assert killed_at(nth, lambda: publish(root))
        assert left_in(copied) == left_in(root), f"point {nth}"
        shutil.rmtree(root)
    assert nth >= 80


def publish(root: Path) -> None:
    put(root, "b", "1")


def left_in(root: Path) -> Counter[tuple[str, int, int, bytes]]:
    """Whatever lies in ``root``, each with its mode, the links to it and what is in it."""
    return Counter(
        (RANDOM.sub("*", name), mode, links, RANDOM_BYTES.sub(b"*", data))
        for name, (mode, _, links, data) in landscape(root).items()
    )
