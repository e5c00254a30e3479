"""Ways to spoil a file: its bytes, its text, the tree of its JSON, the tree of its protobuf."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import onnx
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tinyai_registry.onnxfile.protobuf import messages

# Each example has a limit of its own, and a third of a profile's examples takes ten seconds in all.
unhurried = settings(
    deadline=None, max_examples=settings.default.max_examples // 3, suppress_health_check=list(HealthCheck)
)

Draw = Callable[[st.SearchStrategy[Any]], Any]

WORDS = [
    *("", "\n", "a\n", " ", "\0", "\ud800", "\u202e", "\U0001f642", "\u0430", "\u0131", "x" * 300, "0" * 64, "(" * 500),
    *("../x.onnx", "/etc/passwd", "C:\\x", "a//b", ".", "..", ".git", "registry.json", "fr_regressor_v1.json"),
    *("fr_regressor_v1", "FR_REGRESSOR_V1", "fr_regressor_v1.onnx", "fr_regressor_v1.md"),
    *("MIT", "MIT OR (", "unknown", "fp32", "static", "filter", "nr"),
    *("fr_regressor_v1.extra.schema.json", "<script>", "::error::x", "%0a", "\x1b[31m", "mean PLCC over folds >= 0.95"),
]  # fmt: skip
NUMBERS = [0, 1, -1, 17, 99, 2**31, 2**53 + 1, 2**63, -(2**63) - 1, 10**300, -0.0, 17.0, 0.1, 5e-324, 1e308, -1e308]
NO_NUMBERS = [float("nan"), float("inf"), 10**400, 10**4000]
DEEP: Any = json.loads("[" * 80 + "]" * 80)
EMPTY = [None, True, False, [], {}, [[]], [None], {"": ""}, {"a/b~c": 1}, {"\ud800": 1}, DEEP]
SCRAPS = [
    *(",", ":", '"', "{", "}", "[", "]", "\\", "\\ud800", "\\u0000", "NaN", "-Infinity", "1e999", "01", "\ufeff"),
    *("// x", '"sha256": "x", ', '"id": 1, ', '"models": [], ', "9" * 500, "[" * 100, '{"a":' * 100, "\0", "\n"),
]  # fmt: skip

values = st.sampled_from([*EMPTY, *WORDS, *NUMBERS, *NO_NUMBERS]) | st.text(max_size=8) | st.integers() | st.floats()


def _one_of(draw: Draw, many: Sequence[Any]) -> Any:
    return many[draw(st.integers(0, len(many) - 1))]


def spoilt_bytes(draw: Draw, data: bytes) -> bytes:
    """``data`` with a few bytes flipped, put in, taken out or moved."""
    start = draw(st.integers(0, len(data)))
    end = min(len(data), start + draw(st.sampled_from([0, 1, 2, 8, 64, len(data)])))
    middle = draw(
        st.just(b"")
        | st.binary(max_size=8)
        | st.integers(0, 255).map(lambda mask: bytes(each ^ mask for each in data[start:end]))
        | st.integers(0, len(data)).map(lambda other: data[other : other + 64])
    )
    return data[:start] + middle + data[end:]


def spoilt_text(draw: Draw, data: bytes) -> bytes:
    """``data`` with a scrap of JSON put somewhere between its tokens, or anywhere."""
    text = data.decode("utf-8", errors="replace")
    at = draw(st.integers(0, len(text)))
    scrap = draw(st.sampled_from(SCRAPS))
    return (text[:at] + scrap + text[at + draw(st.integers(0, 3)) :]).encode("utf-8", errors="surrogatepass")


def spoilt_tree(draw: Draw, data: bytes) -> bytes:
    """``data``, JSON, with one value replaced, removed, doubled, exchanged with another, or under another key."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return data
    places = [("", document), *_places(document)] if isinstance(document, dict | list) else []
    if not places[1:]:
        return b"{}"
    holder, key = _one_of(draw, places[1:])
    _CHANGES[draw(st.sampled_from(sorted(_CHANGES)))](draw, holder, key, places)
    return json.dumps(document, indent=2, ensure_ascii=draw(st.booleans())).encode("utf-8", errors="surrogatepass")


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    for key, inner in list(node.items() if isinstance(node, dict) else enumerate(node)):
        yield node, key
        if isinstance(inner, dict | list):
            yield from _places(inner)


def _replace(draw: Draw, holder: Any, key: Any, places: Any) -> None:
    holder[key] = draw(values)


def _remove(draw: Draw, holder: Any, key: Any, places: Any) -> None:
    del holder[key]


def _double(draw: Draw, holder: Any, key: Any, places: Any) -> None:
    if isinstance(holder, list):
        holder.insert(key, json.loads(json.dumps(holder[key])))
    else:
        holder[draw(st.sampled_from(WORDS))] = holder[key]


def _copy(draw: Draw, holder: Any, key: Any, places: Any) -> None:
    other, there = _one_of(draw, places[1:])
    holder[key] = json.loads(json.dumps(other[there]))


def _rename(draw: Draw, holder: Any, key: Any, places: Any) -> None:
    if isinstance(holder, dict):
        known = [each for _, each in places[1:] if isinstance(each, str)]
        holder[_one_of(draw, [*WORDS, *known])] = holder.pop(key)


def _nest(draw: Draw, holder: Any, key: Any, places: Any) -> None:
    holder[key] = draw(st.sampled_from([[holder[key]], {"x": holder[key]}, [holder[key]] * 40, str(holder[key])]))


_CHANGES = {each.__name__: each for each in (_replace, _remove, _double, _copy, _rename, _nest)}

# --- protobuf

_WHOLE = [0, 1, 2, 3, 7, 16, 17, 100, -1, 2**20, 2**31 - 1, -(2**31)]
_SCALARS: dict[int, list[Any]] = {
    FieldDescriptor.TYPE_INT64: [*_WHOLE, 2**40, 2**63 - 1, -(2**63)],
    FieldDescriptor.TYPE_UINT64: [0, 1, 2**64 - 1],
    FieldDescriptor.TYPE_INT32: _WHOLE,
    FieldDescriptor.TYPE_FLOAT: [0.0, -1.0, float("nan"), float("inf"), 1e-45],
    FieldDescriptor.TYPE_DOUBLE: [0.0, float("nan"), 1e308],
    FieldDescriptor.TYPE_BYTES: [b"", b"\xff", b"\0" * 1000, b"x.onnx.data"],
    FieldDescriptor.TYPE_STRING: [
        *("", "x", "features", "score", "\n", "\u202e", "x" * 200, "9" * 30, "../x", "location", "offset", "length"),
        *("ai.onnx.ml", "If", "Loop", "Scan", "Constant", "ConstantOfShape", "Expand", "Resize", "Reshape", "Tile"),
        *("Range", "DequantizeLinear", "BatchNormalization", "Gemm", "MatMul", "Sub", "Div", "then_branch", "value"),
    ],
}  # fmt: skip

_KNOWN = {*_SCALARS, FieldDescriptor.TYPE_MESSAGE, FieldDescriptor.TYPE_ENUM}


def spoilt_graph(draw: Draw, data: bytes) -> bytes:
    """``data``, an ONNX file, with some fields set, cleared, doubled or copied from elsewhere in it."""
    model = onnx.load_model_from_string(data)
    for _ in range(draw(st.integers(1, 4))):
        everything = list(messages(model))
        message = _one_of(draw, everything)
        field = _one_of(draw, [each for each in message.DESCRIPTOR.fields if each.type in _KNOWN])
        if draw(st.integers(0, 3)) == 0:
            message.ClearField(field.name)
        elif field.message_type is not None:
            _put_message(draw, message, field, [each for each in everything if field.message_type == each.DESCRIPTOR])
        else:
            _put_scalar(draw, message, field)
    return model.SerializeToString()


def _put_message(draw: Draw, message: Message, field: FieldDescriptor, others: list[Message]) -> None:
    # A copy of one that holds the place itself would grow without end: such a one is left empty.
    other = _one_of(draw, others) if others and draw(st.integers(0, 4)) else None
    copy = type(other)() if other is not None else None
    if copy is not None and other is not None and other.ByteSize() < 50_000:
        copy.CopyFrom(other)
    value = getattr(message, field.name)
    if field.is_repeated:
        place = value.add()
        if copy is not None:
            place.CopyFrom(copy)
    else:
        value.SetInParent()
        if copy is not None:
            value.CopyFrom(copy)


def _put_scalar(draw: Draw, message: Message, field: FieldDescriptor) -> None:
    known = [each.number for each in field.enum_type.values] if field.enum_type else _SCALARS[field.type]
    value = draw(st.sampled_from(known))
    if not field.is_repeated:
        setattr(message, field.name, value)
        return
    there = getattr(message, field.name)
    if there and draw(st.booleans()):
        there[draw(st.integers(0, len(there) - 1))] = value
    else:
        there.extend([value] * draw(st.sampled_from([1, 1, 2, 40])))
