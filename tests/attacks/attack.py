"""An attack: a case file that says what somebody does to a valid registry, and what has to be found.

A step of ``do`` names its action and, as the action's value, the file that it is done to: ``set = "registry.json"``.
``{outside}`` in a step is a folder beside the registry, ``{MEGABYTE}`` a long word, ``{ZEROS}`` as many as a double
holds. When all steps are done, digests, sizes and cards are made to fit (``victim.pin``) unless the case says
``pin = false``: what is found is the attack and not its traces.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import victim
from onnx import numpy_helper, parser

from tinyai_registry.onnxfile.runtime import DEFAULT

CASES = Path(__file__).parent


@dataclass(frozen=True)
class Attack:
    """``why`` somebody would do that; what they ``do``; what is ``found``, and what may be found ``also``, by code.

    ``runtime`` is the one that the registry is written for; ``since`` says that the registry is held against what was
    committed before the attack, ``attested`` that the release has an attestation, and a log;
    ``trust`` is what stands in ``tinyai.toml`` under that name.
    """

    why: str
    do: list[dict[str, Any]]
    found: list[dict[str, Any]]
    also: tuple[str, ...] = ()
    logged: bool = False
    pin: bool = True
    not_as_root: bool = False
    runtime: str = DEFAULT
    since: bool = False
    attested: bool = False
    trust: dict[str, Any] | None = None

    @property
    def registry(self) -> str:
        """Which of the registries is attacked."""
        return "attested" if self.attested else "logged" if self.logged else "released"

    def carry_out(self, root: Path) -> None:
        outside = root.with_name("outside")
        outside.mkdir()
        for step in self.do:
            words = {key: _placed(value, outside) for key, value in step.items()}
            [action] = words.keys() & ACTIONS.keys()
            path = root / words.pop(action)
            ACTIONS[action](path, **words)
        if self.pin:
            victim.pin(root)


def read(path: Path) -> Attack:
    return Attack(**tomllib.loads(path.read_text(encoding="utf-8")))


def _placed(value: Any, outside: Path) -> Any:
    words = {"{outside}": str(outside), "{MEGABYTE}": "x" * 2**20, "{ZEROS}": "0" * 308}
    for word, stands_for in words.items() if isinstance(value, str) else ():
        value = value.replace(word, stands_for)
    return value


# --- documents ------------------------------------------------------------------------------------------------------


def _at(document: Any, pointer: str) -> tuple[Any, Any]:
    """The object or list that ``pointer`` leads into, and the key or index there."""
    *steps, last = (step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:])
    for step in steps:
        document = document[int(step) if isinstance(document, list) else step]
    return document, int(last) if isinstance(document, list) else last


def set_value(path: Path, at: str, to: Any = None, json: str | None = None) -> None:
    """``to`` is a value as TOML has it; ``json`` is one that TOML does not have, such as null."""
    value = to if json is None else _json(json)

    def change(document: Any) -> None:
        inside, key = _at(document, at)
        if isinstance(inside, list) and key == len(inside):
            inside.append(value)
        else:
            inside[key] = value

    victim.rewrite(path, change)


def delete(path: Path, at: str) -> None:
    def change(document: Any) -> None:
        inside, key = _at(document, at)
        del inside[key]

    victim.rewrite(path, change)


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{path.name} has no {old!r}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def write(path: Path, text: str, **around: Any) -> None:
    path.write_text(_repeated(text, **around), encoding="utf-8")


def write_bytes(path: Path, hex: str) -> None:  # noqa: A002
    path.write_bytes(bytes.fromhex(hex))


def recode(path: Path, to: str) -> None:
    path.write_bytes(path.read_text(encoding="utf-8").encode(to))


def fingerprint(path: Path) -> None:
    victim.rewrite(path, lambda said: said.update(recipe_fingerprint=victim.fingerprint(said["recipe"])))


# --- graphs ---------------------------------------------------------------------------------------------------------


def graph(path: Path, text: str, **around: Any) -> None:
    """``text`` is in ONNX's own notation; without a header it gets the usual one."""
    text = _repeated(text, **around)
    path.write_bytes(
        parser.parse_model(text if text.lstrip().startswith("<") else victim.HEAD + text).SerializeToString()
    )


def field(path: Path, at: str, to: Any) -> None:
    """Set a field of the protobuf message, such as ``graph.node.0.doc_string``; a further entry counts as there."""
    model = onnx.load(path, load_external_data=False)
    message: Any = model
    *steps, last = at.split(".")
    for step in steps:
        if step.isdigit():
            message = message[int(step)] if int(step) < len(message) else message.add()
        else:
            message = getattr(message, step)
    if isinstance(to, list):
        del getattr(message, last)[:]
        getattr(message, last).extend(to)
    else:
        setattr(message, last, to)
    path.write_bytes(model.SerializeToString())


def multiply(path: Path, by: float, tensor: str | None = None) -> None:
    """Multiply a tensor, the largest if it is not named."""
    model = onnx.load(path)
    named = [each for each in model.graph.initializer if each.name == tensor]
    found = named[0] if named else max(model.graph.initializer, key=lambda each: each.ByteSize())
    values = numpy_helper.to_array(found)
    found.CopyFrom(numpy_helper.from_array((values * by).astype(values.dtype), found.name))
    path.write_bytes(model.SerializeToString())


def external(path: Path, location: str, data: str | None = None, **said: Any) -> None:
    """Move the largest tensor into ``data``, which the graph calls ``location``; ``said`` is what else it says."""
    model = onnx.load(path)
    tensor = max(model.graph.initializer, key=lambda each: each.ByteSize())
    raw = numpy_helper.to_array(tensor).tobytes()
    for name in ("raw_data", "float_data", "int32_data"):
        tensor.ClearField(name)
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"location": location, **said}.items():
        tensor.external_data.add(key=key, value=str(value))
    path.write_bytes(model.SerializeToString())
    if data is not None:
        (path.parent / data).write_bytes(raw)


# --- files ----------------------------------------------------------------------------------------------------------


def symlink(path: Path, to: str) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(to)


def move_out(path: Path) -> None:
    """To the folder outside, under its own name."""
    path.rename(path.parent.with_name("outside") / path.name)


def hard_link(path: Path) -> None:
    """Another name for the file, outside."""
    os.link(path, path.parent.with_name("outside") / path.name)


def fifo(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


def chmod(path: Path, mode: int) -> None:
    path.chmod(mode)


def rename(path: Path, to: str) -> None:
    path.rename(path.with_name(to))


def copy(path: Path, to: str) -> None:
    shutil.copyfile(path, path.parent / to)


def remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def truncate(path: Path, size: int) -> None:
    """Also to more than there is: a hole, which costs nothing."""
    os.truncate(path, size)


def noise(path: Path, size: int) -> None:
    path.write_bytes(random.Random(size).randbytes(size))


def _repeated(text: str, first: str = "", before: str = "", after: str = "", last: str = "", times: int = 1) -> str:
    """``text``, with something ``before`` and ``after`` it so many ``times``, and something ``first`` and ``last``.

    ``#`` in what is repeated is the number of the repetition, from outside to inside; ``#~`` is the next one's.
    """

    def numbered(words: str, k: int) -> str:
        return words.replace("#~", str(k + 1)).replace("#/", "\0").replace("#", str(k)).replace("\0", "#/")

    heads = [numbered(before, k) for k in range(times)]
    tails = [numbered(after, k) for k in reversed(range(times))]
    return "".join((first, *heads, text, *tails, last))


def _json(text: str) -> Any:
    return json.loads(text)


ACTIONS: Mapping[str, Callable[..., None]] = {
    "set": set_value,
    "delete": delete,
    "replace": replace,
    "write": write,
    "write_bytes": write_bytes,
    "recode": recode,
    "fingerprint": fingerprint,
    "graph": graph,
    "field": field,
    "multiply": multiply,
    "external": external,
    "symlink": symlink,
    "move_out": move_out,
    "hard_link": hard_link,
    "fifo": fifo,
    "folder": folder,
    "chmod": chmod,
    "rename": rename,
    "copy": copy,
    "remove": remove,
    "truncate": truncate,
    "noise": noise,
    "resign": victim.resign,
    "relog": victim.relog,
    "bundle": victim.bundle,
}
