"""What the tests of the store are made of: a disk that counts, stops, fails or remembers, and releases made by hand.

Every call that changes something on the disk goes through :func:`watched`, whoever makes it: the store itself,
``shutil.rmtree``, ``filelock``. ``test_harness.py`` holds it to that, against Python's own audit events.
"""

from __future__ import annotations

import faulthandler
import os
import shutil
import signal
import sys
import tempfile
import traceback
import uuid
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import onnx

from tinyai_registry.checks.finding import Finding, Severity
from tinyai_registry.checks.weights import UNPINNED
from tinyai_registry.documents import row, strict_json
from tinyai_registry.documents.index import INDEX
from tinyai_registry.files import sha256_of
from tinyai_registry.release import Account, Release
from tinyai_registry.store import layout, log
from tinyai_registry.store.belongings import find_superseded
from tinyai_registry.store.publish import init, publish
from tinyai_registry.store.recovery import recover
from tinyai_registry.store.registry import open_registry
from tinyai_registry.workflows.validate import validate

CHILD_SECONDS = 180.0  # after which a child counts as hanging, on the busiest machine
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
NOTHING: Mapping[str, bytes] = {}
ACCOUNT = Account("2026-01-02T03:04:05Z", "Ada <ada@example.org>", reason="The ears were fixed.")


# --- the disk -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Op:
    """One call that changes something: ``open``, ``write``, ``fsync``, ``replace``, ``link``, ``unlink``, ..."""

    kind: str
    path: Path
    target: Path | None = None
    data: bytes = b""


Handler = Callable[[Op, Callable[[], Any]], Any]


@contextmanager
def watched(handler: Handler) -> Iterator[None]:  # noqa: C901 - one small function for each call of os
    """Hands every call that changes something to ``handler(op, perform)``, which may perform it, or not."""
    real = {name: getattr(os, name) for name in (*WRAPPED, *GRANTED, "open", "write", "fsync")}
    paths: dict[int, Path] = {}

    def locate(path: Any, folder: int | None) -> Path:
        return Path(os.fspath(path)) if folder is None else paths[folder] / os.fspath(path)

    def opened(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        where = locate(path, dir_fd)

        def perform() -> int:
            return real["open"](path, flags, mode, dir_fd=dir_fd)

        changes = flags & WRITING and where != Path(os.devnull)  # which a child process is given
        descriptor = handler(Op("open", where), perform) if changes else perform()
        paths[descriptor] = where
        return descriptor

    def written(descriptor: int, data: Any) -> int:
        if descriptor not in paths:  # a pipe or a terminal
            return real["write"](descriptor, data)
        op = Op("write", paths[descriptor], data=bytes(data))
        return handler(op, lambda: real["write"](descriptor, data))

    def granted(name: str) -> Callable[..., Any]:
        def call(path: Any, *args: Any, **kwargs: Any) -> Any:
            where = paths[path] if isinstance(path, int) else Path(path)
            return handler(Op(name, where), lambda: real[name](path, *args, **kwargs))

        return call

    def synced(descriptor: int) -> None:
        handler(Op("fsync", paths[descriptor]), lambda: real["fsync"](descriptor))

    def wrapped(name: str) -> Callable[..., Any]:
        def call(path: Any, *args: Any, **kwargs: Any) -> Any:
            where = locate(path, kwargs.get("dir_fd"))
            target = Path(args[0]) if name in TWO_PATHS else None
            return handler(Op(name, where, target), lambda: real[name](path, *args, **kwargs))

        return call

    replaced = {"open": opened, "write": written, "fsync": synced, **{name: wrapped(name) for name in WRAPPED}}
    replaced |= {name: granted(name) for name in GRANTED}
    for name, stand_in in replaced.items():
        setattr(os, name, stand_in)
    try:
        yield
    finally:
        for name, original in real.items():
            setattr(os, name, original)


@contextmanager
def drawn_alike() -> Iterator[None]:
    """Names that are drawn at random are drawn alike each time, so that trees in which the same happened are the same.

    What a child draws, its parent does not draw again.
    """
    us, places, real = os.getpid(), count(), uuid.uuid4
    uuid.uuid4 = lambda: uuid.UUID(sha256_of(f"{us == os.getpid()} {next(places)}".encode())[:32])
    try:
        yield
    finally:
        uuid.uuid4 = real


TWO_PATHS = ("replace", "rename", "link", "symlink")
WRAPPED = (*TWO_PATHS, "unlink", "remove", "mkdir", "rmdir", "truncate", "utime")
GRANTED = ("chmod", "chown", "fchmod", "fchown")


class Recorder:
    """Performs every operation, and remembers those that took place."""

    def __init__(self) -> None:
        self.ops: list[Op] = []

    def __call__(self, op: Op, perform: Callable[[], Any]) -> Any:
        result = perform()
        self.ops.append(op)
        return result


class Failing:
    """Raises ``error`` at the operation ``nth`` (from 0), once or from then on; of a write, half is done."""

    def __init__(self, nth: int, number: int, *, for_good: bool) -> None:
        self.nth, self.number, self.for_good, self.count, self.failed = nth, number, for_good, -1, False

    def __call__(self, op: Op, perform: Callable[[], Any]) -> Any:
        self.count += 1
        if self.count == self.nth or (self.for_good and self.count > self.nth):
            self.failed = True
            if op.kind == "write":
                with op.path.open("ab") as half:
                    half.write(op.data[: len(op.data) // 2])
            raise OSError(self.number, os.strerror(self.number), str(op.path))
        return perform()


class Killer:
    """Kills this process before the operation ``nth`` (from 0); a write has a second point, half way through."""

    def __init__(self, nth: int) -> None:
        self.left = nth

    def __call__(self, op: Op, perform: Callable[[], Any]) -> Any:
        self._point(lambda: None)
        if op.kind == "write":
            self._point(lambda: op.path.write_bytes(op.data[: len(op.data) // 2]))
        return perform()

    def _point(self, last_act: Callable[[], object]) -> None:
        if self.left == 0:
            last_act()
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1


class Copier:
    """Copies ``root`` at each point of a :class:`Killer`: a process that is killed there leaves what lies there.

    The copy n is called ``<name>-n``. To begin anew for each point takes a hundred times as long.
    """

    def __init__(self, root: Path, name: str) -> None:
        self.root, self.name, self.count, self._copying = root, name, 0, False

    def __call__(self, op: Op, perform: Callable[[], Any]) -> Any:
        if not self._copying:
            self._copying = True
            self._copy()
            if op.kind == "write":
                half = self._copy() / op.path.relative_to(self.root)
                half.write_bytes(op.data[: len(op.data) // 2])
            self._copying = False
        return perform()

    def _copy(self) -> Path:
        copy = self.root.with_name(f"{self.name}-{self.count}")
        copy_with_links(self.root, copy)
        self.count += 1
        return copy


def copy_with_links(folder: Path, to: Path) -> None:
    """Copy ``folder``; files that are one file there are one in the copy."""
    made: dict[int, str] = {}

    def copy(source: str, target: str) -> None:
        number = Path(source).stat().st_ino
        if number in made:
            os.link(made[number], target)
        else:
            shutil.copy2(source, target)
            made[number] = target

    shutil.copytree(folder, to, symlinks=True, copy_function=copy)


def forked(action: Callable[[], object]) -> int:
    """The process id of a child that runs ``action``; it exits with 1 and a traceback if that raises, or hangs."""
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads: pytest-xdist has some
        child = os.fork()
    if child:
        return child
    code = 1
    faulthandler.dump_traceback_later(CHILD_SECONDS, exit=True, file=2)
    try:
        action()
        code = 0
    except BaseException:  # noqa: BLE001 - the child must not go on as a second pytest
        os.write(2, traceback.format_exc().encode())  # not sys.stderr, which may be a buffer of pytest's
    finally:
        os._exit(code)


def waited(child: int) -> int:
    """How ``child`` ended: 0, 1, or minus the signal."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed_at(nth: int, action: Callable[[], object]) -> bool:
    """Run ``action`` in a child that is killed at its point ``nth``; whether it came to that."""

    def watched_action() -> None:
        with watched(Killer(nth)):
            action()

    code = waited(forked(watched_action))
    assert code in {0, -signal.SIGKILL}, f"the child failed before its point {nth}"
    return code != 0


def killed_everywhere(start: Path, act: Callable[[Path], object]) -> list[Path]:
    """Copies of ``start`` in which a process died at each of its points while doing ``act``."""
    alive = start.with_name("alive")
    copy_with_links(start, alive)

    def watched_action() -> None:
        with watched(Copier(alive, start.name)):
            act(alive)

    assert waited(forked(watched_action)) == 0, "the child failed"
    shutil.rmtree(alive)
    return [start.with_name(f"{start.name}-{nth}") for nth in range(len([*start.parent.glob(f"{start.name}-*")]))]


def recorded(action: Callable[[], object]) -> list[Op]:
    """What ``action`` does to the disk."""
    recorder = Recorder()
    with watched(recorder):
        action()
    return recorder.ops


def fast_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder in memory where there is such a thing: these tests model the disk, they need none."""
    memory = Path("/dev/shm")
    return tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None, prefix="tinyai-")


# --- releases made by hand ------------------------------------------------------------------------------------------


def graph(note: str, data_file: str | None = None) -> bytes:
    """A valid ONNX file, different for each ``note``; with ``data_file``, its one weight lies there."""
    proto = onnx.ModelProto()
    proto.CopyFrom(GRAPH)
    proto.producer_version = note
    if data_file is not None:
        onnx.external_data_helper.set_external_data(proto.graph.initializer[0], data_file, 0, len(WEIGHT))
        proto.graph.initializer[0].ClearField("raw_data")
    return bytes(proto.SerializeToString())


WEIGHT = b"\0\0\x80?" * 2
GRAPH = onnx.parser.parse_model(
    '<ir_version: 8, opset_import: ["": 17]> g (float[N, 2] x) => (float[N, 2] y) { y = Mul(x, w) }'
)
GRAPH.graph.initializer.append(onnx.helper.make_tensor("w", onnx.TensorProto.FLOAT, [2], WEIGHT, raw=True))


def files_of_release(model: str, version: str) -> dict[str, bytes]:
    """Graph, a further artifact, sidecar and card; small, and different in every byte's digest for each version."""
    notes = {f"{model}.onnx": f"{model} {version}", f"{model}.plain.onnx": f"plain {model} {version}"}
    graphs = {name: graph(note) for name, note in notes.items()}
    sidecar = {
        "schema_version": 1,
        "imported_from": "packaged",  # a model without evidence, which has to be made in no time
        "id": model,
        "name": model,
        "kind": "fr",
        "onnx": f"{model}.onnx",
        "opset": 17,
        "onnx_opset": 17,
        "input_name": "x",
        "input_names": ["x"],
        "output_name": "y",
        "output_names": ["y"],
        "license": "MIT",
        "sha256": sha256_of(graphs[f"{model}.onnx"]),
        "notes": f"{model}, version {version}",
        "artifacts": [
            {"path": name, "sha256": sha256_of(data), "bytes": len(data), "opset": 17} for name, data in graphs.items()
        ],
    }
    return {
        **graphs,
        f"{model}.json": strict_json.dumps(sidecar).encode(),
        f"{model}.md": f"# {model} {version}\n".encode(),
    }


def change(
    root: Path, model: str, version: str, members: Iterable[str] = (), also: Mapping[str, bytes] = NOTHING
) -> Release:
    """What a refresh hands to the store: a pure function of the candidate (``version``) and the registered release."""
    registry = open_registry(root)
    all_files = {each: files_of_release(each, version) for each in (model, *members)}
    sidecars = [strict_json.loads(files[f"{each}.json"], "sidecar") for each, files in all_files.items()]
    rows = tuple(row.merge(registry.row(sidecar["id"]), sidecar) for sidecar in sidecars)
    files = {**{name: data for files in all_files.values() for name, data in files.items()}, **also}
    return Release(model, files, rows, find_superseded(registry, registry.find(model), files))


def put(
    root: Path,
    model: str,
    version: str,
    patience: float = 60.0,
    members: Iterable[str] = (),
    also: Mapping[str, bytes] = NOTHING,
) -> log.Entry:
    """Publish ``version`` of ``model``, with a row and files for each of its ``members``, and further files."""
    entry, _ = publish(root, model, lambda: change(root, model, version, members, also), ACCOUNT, patience)
    return entry


def foreign_row(root: Path, model: str) -> dict[str, Any]:
    """Writes the files of a model that another tool registered, weights outside and a twin; returns its row."""
    files = {
        f"{model}.onnx": graph(f"{model} of old", f"{model}.onnx.data"),
        f"{model}.onnx.data": WEIGHT,
        f"{model}.int8.onnx": graph(f"twin of {model}"),
        f"{model}.json": b'{"kind": "fr", "input_name": "x", "output_name": "y", "quant_mode": "dynamic"}',
    }
    for name, data in files.items():
        (root / name).write_bytes(data)
    return {
        "id": model,
        "kind": "fr",
        "onnx": f"{model}.onnx",
        "sha256": digest(root / f"{model}.onnx"),
        "int8_sha256": digest(root / f"{model}.int8.onnx"),
        "quant_mode": "dynamic",
        "license": "ISC",
        "license_url": "https://example.org/isc",
        "x_house_key": [1, 2],
    }


def foreign_registry(root: Path) -> None:
    """A registry of another tool, never touched by ours: ``b``, the model in question, between two others."""
    root.mkdir(parents=True)
    rows = [foreign_row(root, model) for model in ("a", "b", "c")]
    (root / INDEX).write_text(strict_json.dumps({"models": rows, "schema_version": 0}))


def own_registry(root: Path) -> None:
    """A registry of ours with the models ``a`` and ``c``."""
    init(root)
    for model in ("a", "c"):
        put(root, model, "1")


def digest(path: Path) -> str:
    return sha256_of(path.read_bytes())


def faults(root: Path) -> list[Finding]:
    """The errors in the registry, but for the one that a model of another tool is born with: weights outside."""
    return [f for f in validate(root) if f.rule.severity is Severity.ERROR and f.rule is not UNPINNED]


# --- what has to hold -----------------------------------------------------------------------------------------------


# Trees in which `validate` has found no error in this process.
_VALID: set[frozenset[tuple[str, int, bytes]]] = set()


def contents(root: Path) -> dict[str, bytes]:
    """Every file of a release, ``registry.json`` included, byte for byte; not the store's own, nor what git reads."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not {layout.FOLDER, ".gitattributes"} & {*path.relative_to(root).parts}
    }


def landscape(folder: Path) -> dict[str, tuple[int, int, int, bytes]]:
    """Whatever lies below ``folder``, links not followed: mode, time of change, links to it, and what is in it."""
    found = {}
    for path in sorted(folder.rglob("*")):
        about = path.lstat()
        data = bytes(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(folder))] = (about.st_mode, about.st_mtime_ns, about.st_nlink, data)
    return found


def assert_sound(root: Path, either: Mapping[str, bytes], other: Mapping[str, bytes], where: str) -> bool:
    """A registry, once it is recovered: valid, wholly one of two, and with nothing left over.

    Returns whether it is ``other``, which the log has to agree with.
    """
    recover(root)
    assert_valid(root, where)
    now = contents(root)
    assert now in (either, other), f"{where}: {differences(now, either)} and {differences(now, other)}"
    assert_tidy(root, where)
    return now == other


def assert_valid(root: Path, where: str) -> None:
    """No error in the registry. Most of thousands of trees are the same few, and each of those is validated once."""
    tree = frozenset((name, mode, data) for name, (mode, _, _, data) in landscape(root).items())
    if tree not in _VALID:
        found = faults(root)
        assert not found, f"{where}: {found}"
        _VALID.add(tree)


def assert_tidy(root: Path, where: str) -> None:
    """Nothing in the store but the log, the objects that it speaks of, and what always is there."""
    store = root / layout.FOLDER
    if not store.is_dir():
        return
    files = {path.name for path in store.iterdir()}
    assert files <= {"log", "objects", "pending", "lock", ".gitignore", ".gitattributes"}, where
    for file, text in layout.git_files(root).items():
        assert not file.exists() or file.read_text() == text, f"{where}: {file.read_bytes()!r}"
    pending = layout.pending_folder(root)
    assert not pending.is_dir() or not list(pending.iterdir()), f"{where}: {list(pending.rglob('*'))}"
    for folder in layout.object_folder(root, "x").parent.glob("*"):
        known = {sha256 for entry in log.entries(root, folder.name) for sha256 in entry.files.values()}
        for path in folder.iterdir():
            assert path.name in known, f"{where}: {path} is an object that no entry needs"
            assert digest(path) == path.name, f"{where}: {path} is damaged"
    for model in layout.logged_models(root):
        last, tip = layout.entry_numbers(root, model)[-1:], layout.tip_file(root, model)
        assert not last or last == [strict_json.read(tip)["number"]], f"{where}: the tip of {model} lags"
    for path in root.rglob("*"):
        assert not path.is_file() or path.stat().st_nlink == 1, f"{where}: {path} is a hard link"


def differences(now: Mapping[str, bytes], wanted: Mapping[str, bytes]) -> list[str]:
    """Where two folders differ, for a message."""
    return [name for name in sorted({*now, *wanted}) if now.get(name) != wanted.get(name)]
