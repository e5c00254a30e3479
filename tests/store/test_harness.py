"""The harness sees everything: what Python itself reports of a publish is what the harness counted."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from harness import ACCOUNT, WRITING, Op, fast_folder, forked, put, waited, watched
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
