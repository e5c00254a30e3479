"""Random operator graphs: any operator of ONNX, with attributes, ranks and types that it may have no use for."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import onnx
from onnx import AttributeProto, TensorProto, defs, helper

OPSETS = [7, 11, 13, 17, 18, 20, defs.onnx_opset_version()]
SCHEMAS = {
    opset: [
        each if each.domain else defs.get_schema(each.name, opset, "")
        for each in defs.get_all_schemas()
        if not each.deprecated and (each.domain or defs.has(each.name, opset, ""))
    ]
    for opset in OPSETS
}
LATEST = {each.domain: each.since_version for each in sorted(defs.get_all_schemas(), key=lambda s: s.since_version)}
TYPES = [*TensorProto.DataType.values(), 99]
SIZES = [0, 1, 2, 3, 5, 64, "N", None]
ODD_SIZES = [-1, 2**31, 2**62, 2**63 - 1]
WHOLE = [0, 1, 2, 3, -1, -2, 8, 99, 2**31, -(2**31), 2**63 - 1, -(2**63)]
REAL = [0.0, 1.0, -1.0, 0.5, 1e30, float("inf"), float("nan")]
WORDS = [b"", b"linear", b"constant", b"SAME_UPPER", b"NOTSET", b"ij,jk->ik", b"...i,->", b"(", b"\xff", b"x" * 300]


def random_graph(seed: int) -> bytes:
    """A model of one to five nodes; the same for the same ``seed``."""
    random = Random(seed)
    opset = random.choice(OPSETS)
    graph = _graph(random, opset, depth=0)
    domains = {node.domain for node in graph.node} - {""}
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, LATEST[domain]) for domain in domains)]
    return helper.make_model(graph, opset_imports=imports, ir_version=random.choice([8, 8, 8, 10])).SerializeToString()


def _graph(random: Random, opset: int, depth: int) -> onnx.GraphProto:
    graph = onnx.GraphProto(name="g")
    known = []
    for k in range(random.randint(1, 3)):
        known.append(f"i{depth}{k}")
        graph.input.append(_value(random, known[-1]))
    for k in range(random.randint(0, 3)):
        known.append(f"w{depth}{k}")
        graph.initializer.append(_tensor(random, known[-1]))
    for k in range(random.choice([1, 1, 1, 2, 3])):
        node = _node(random, known, opset, depth, f"o{depth}{k}")
        graph.node.append(node)
        known += node.output
    graph.output.extend(_value(random, name) for name in random.sample(known, min(len(known), random.randint(1, 2))))
    return graph


def _node(random: Random, known: list[str], opset: int, depth: int, prefix: str) -> onnx.NodeProto:
    schema = random.choice(SCHEMAS[opset])
    node = onnx.NodeProto(op_type=schema.name, domain=schema.domain)
    node.output.extend(f"{prefix}{n}" for n in range(_count(random, schema.min_output, schema.max_output)))
    inputs = _count(random, schema.min_input, schema.max_input)
    names = [*known, ""] if random.random() < 0.05 else known
    node.input.extend(random.choice(names) for _ in range(inputs))
    for name, attribute in schema.attributes.items():
        if attribute.required or random.random() < 0.4:
            node.attribute.append(_attribute(random, name, attribute.type.value, opset, depth))
    return node


def _count(random: Random, least: int, most: int) -> int:
    return random.randint(least, min(most, least + 3)) + (random.choice([1, -least]) if random.random() < 0.01 else 0)


def _attribute(random: Random, name: str, kind: int, opset: int, depth: int) -> AttributeProto:
    found = AttributeProto(name=name, type=kind)
    if kind in MAKE:
        field, make = MAKE[kind]
        setattr(found, field, make(random))
    elif kind - AttributeProto.FLOATS + AttributeProto.FLOAT in MAKE:
        field, make = MAKE[kind - AttributeProto.FLOATS + AttributeProto.FLOAT]
        many = {"f": found.floats, "i": found.ints, "s": found.strings}[field]
        many.extend(make(random) for _ in range(random.choice([0, 1, 2, 4, 4, 9])))
    elif kind == AttributeProto.TENSOR:
        found.t.CopyFrom(_tensor(random, ""))
    elif kind == AttributeProto.GRAPH and depth < 2:
        found.g.CopyFrom(_graph(random, opset, depth + 1))
    elif kind == AttributeProto.TYPE_PROTO:
        found.tp.CopyFrom(_value(random, "").type)
    return found


MAKE: Mapping[int, tuple[str, Callable[[Random], Any]]] = {
    AttributeProto.FLOAT: ("f", lambda random: random.choice(REAL)),
    AttributeProto.INT: ("i", lambda random: random.choice(WHOLE)),
    AttributeProto.STRING: ("s", lambda random: random.choice(WORDS)),
}


def _value(random: Random, name: str) -> onnx.ValueInfoProto:
    found = onnx.ValueInfoProto(name=name)
    choice = random.random()
    if choice < 0.003:
        return found  # without a type
    kind = found.type.sequence_type.elem_type.tensor_type if choice < 0.02 else found.type.tensor_type
    kind.elem_type = random.choice(TYPES if random.random() < 0.2 else [TensorProto.FLOAT, TensorProto.INT64])
    if choice > 0.03:
        kind.shape.SetInParent()
        for _ in range(random.choice([0, 1, 2, 2, 3, 4, 4, 5])):
            size, dim = random.choice(SIZES if random.random() < 0.98 else ODD_SIZES), kind.shape.dim.add()
            if isinstance(size, int):
                dim.dim_value = size
            elif size:
                dim.dim_param = size
    return found


def _tensor(random: Random, name: str) -> TensorProto:
    dims = [random.choice([0, 1, 2, 3, 4]) for _ in range(random.choice([0, 1, 1, 1, 2, 4]))]
    count = math.prod(dims)
    if random.random() < 0.97:
        kind, pick = random.choice([(TensorProto.FLOAT, REAL), (TensorProto.INT64, WHOLE), (TensorProto.BOOL, [0, 1])])
        return helper.make_tensor(name, kind, dims, [random.choice(pick) for _ in range(count)])
    found = TensorProto(name=name, data_type=random.choice(TYPES), dims=dims)  # which holds together only by chance
    found.raw_data = random.randbytes(count * random.choice([0, 1, 2, 4, 8]))
    return found
