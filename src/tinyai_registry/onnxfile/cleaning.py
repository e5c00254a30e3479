"""A graph without what tells of the machine that made it; its numbers are the same."""

from __future__ import annotations

from google.protobuf.message import Message

from tinyai_registry.onnxfile.protobuf import messages

_ABOUT_THE_MAKER = ("doc_string", "metadata_props")


def strip(model: Message) -> None:
    """Take prose and metadata out of ``model``, wherever in it they are: no runtime reads them."""
    for each in messages(model):
        for name in _ABOUT_THE_MAKER:
            if name in each.DESCRIPTOR.fields_by_name:
                each.ClearField(name)
