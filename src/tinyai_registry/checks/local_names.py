"""What can be wrong with the words in a graph: paths and tracebacks of the machine that made it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from google.protobuf.message import Message

from tinyai_registry.checks.finding import Flaw, Rule, Severity
from tinyai_registry.onnxfile.onnx_messages import AttributeProto, StringStringEntryProto
from tinyai_registry.onnxfile.protobuf import fields_of_text
from tinyai_registry.text import shorten

LOCAL_NAME = Rule(
    "TAI411",
    "local-traces",
    Severity.ERROR,
    "the graph names something of the machine that made it",
    "Exporters leave source paths and stack traces in the metadata of nodes. They tell strangers about people and "
    "machines, and change the bytes from one machine to the next.",
    "`tinyai migrate` takes them out where the graph then gives the same numbers, and `tinyai refresh` exports without "
    "them; a script of your own clears `metadata_props` and `doc_string` of the nodes before it saves.",
)

# Fields that hold prose, as metadata and attributes do. All others name nodes and tensors, which may look like paths:
# /data/conv1/Conv.
_PROSE = {"doc_string", "producer_name", "producer_version"}

# Folders at the top of a file system: of Unix, of containers and of notebook services.
_TOP = (
    "Users|Volumes|app|builds|content|data|databricks|etc|export|github|gpfs|home|kaggle|lustre|media|mnt|nfs|nix|opt|"
    r"private|proc|root|run|sandbox|scratch|srv|storage|tmp|usr|var|work|workdir|workspace|workspaces"
)
_FILE = "py|pyc|ipynb|pt|pth|ckpt|safetensors|onnx|h5|pkl|npy|npz|parquet|csv|json|ya?ml|toml|txt|log|so|dll|exe|sh"
# Repetitions are bounded, so that the time to search a text grows with its length and not with the square of it.
_ANYWHERE = re.compile(
    rf"""
      (?<![A-Za-z0-9]) [A-Za-z]:[\\/] (?!/) [^\s"']{{0,80}}               # D:\models, D:/models
    | \\\\ [\w.-]{{1,80}} \\{{1,2}} [\w$.-]{{1,80}}                       # \\host\share
    | (?<![\w./@+-]) (?: /[\w.+@-]{{1,80}} ){{1,40}} \.(?:{_FILE})\b        # /any/folder/train.py
    | \bsite-packages [\\/]
    | \bFile\ " [^"]{{0,80}}                                              # a line of a traceback
    | \b\w{{1,80}} \.py:\d                                                # train.py:31
    """,
    re.VERBOSE,
)
_IN_PROSE = re.compile(
    rf"(?<![\w./@+-])/(?:{_TOP})/[\w.+@-]{{1,80}}|/(?:home|Users)/[\w.+@-]{{1,80}}/|\bfile:///?\w{{1,80}}"
)
_URL = re.compile(r"\b(?!file:)[a-z]{2,10}://[^\s\"']*")


def of_parts(parts: Iterable[Message]) -> Iterator[Flaw]:
    """The first word in the messages of a model that names its maker's machine: a path, or a line of a traceback."""
    for message in parts:
        for word, is_prose in _words(message):
            text = _URL.sub("", word) if "://" in word else word
            found = _ANYWHERE.search(text) or (_IN_PROSE.search(text) if is_prose else None)
            if found:
                yield Flaw(
                    LOCAL_NAME, f"the graph names something of the machine that made it: {shorten(found.group())}"
                )
                return


def _words(message: Message) -> Iterator[tuple[str, bool]]:
    """The texts of ``message`` itself, and whether each is prose. Where weights lie outside is another check's."""
    if isinstance(message, StringStringEntryProto):
        return
    yield from ((str(text), field in _PROSE) for field, text in fields_of_text(message))
    for entry in getattr(message, "metadata_props", ()):
        yield from ((entry.key, True), (entry.value, True))
    if isinstance(message, AttributeProto):
        yield from ((each.decode(errors="replace"), True) for each in (message.s, *message.strings))
