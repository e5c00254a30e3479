"""What the target runtime would refuse is found in the bytes of a graph."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper, parser

from tinyai_registry.checks import graph
from tinyai_registry.onnxfile.graph import signature
from tinyai_registry.onnxfile.inspector import Inspector
from tinyai_registry.onnxfile.runtime import load_runtime

RUNTIME = load_runtime("libvmaf")
HEAD = '<ir_version: 8, opset_import: ["" : 17]>'
EVIL = '<ir_version: 8, opset_import: ["" : 17, "evil.custom" : 1]>'
GOOD = """
    g (float[N, 2] x) => (float[N] y)
    <float[2, 1] w = {1.0, 2.0}, int64[1] last = {1}>
    { s = MatMul(x, w)  r = Relu(s)  y = Squeeze(r, last) }
"""
# A condition and a branch whose body is %s; what it leaves in `b` is the result.
IF = """
    g (float[N, 2] x) => (float[N, 2] y) <bool c = {{1}}>
    {{ y = If (c) <
        then_branch = then () => (float[N, 2] b) {{ {body} }},
        else_branch = other () => (float[N, 2] e) {{ e = Neg(x) }}
    > }}
"""
LOOP = """{y} = Loop (three, yes, {x}) <body = l{k} (int64 i, bool c, float[N, 2] a) => (bool d, float[N, 2] b)
    {{ d = Identity(c)  b = Neg(a) }}>"""


def parsed(text, head=HEAD):
    return parser.parse_model(head + text)


@pytest.fixture(scope="module", autouse=True)
def inspector():
    """One for all examples: it is a process."""
    with Inspector() as started:
        found.inspector = started
        yield started


def found(proto, runtime=RUNTIME):
    data = proto if isinstance(proto, bytes) else proto.SerializeToString()
    return [flaw.message for flaw in graph.flaws(data, runtime, found.inspector)]


def inputs(declaration, output="float[N, 2] y"):
    return parsed(f"g ({declaration}) => ({output}) {{ y = Identity(x) }}")


def one_node(node, head=HEAD):
    return parsed(f"g (float[N, 2] x) => (float[N, 2] y) {{ y = {node} }}", head)


def loops(count):
    nodes = " ".join(LOOP.format(k=k, x=f"v{k}", y=f"v{k + 1}") for k in range(count))
    return parsed(
        "g (float[N, 2] v0) => (float[N, 2] y) <int64 three = {3}, bool yes = {1}> "
        f"{{ {nodes} y = Identity(v{count}) }}"
    )


def nested_ifs(depth, innermost="Neg"):
    """A graph whose ``innermost`` operator lies ``depth`` subgraphs deep."""
    shape = ["N", 2]
    body = helper.make_graph(
        [helper.make_node(innermost, ["x"], ["out0"])],
        "g0",
        [],
        [helper.make_tensor_value_info("out0", TensorProto.FLOAT, shape)],
    )
    for k in range(1, depth + 1):
        node = helper.make_node("If", ["c"], [f"out{k}"], then_branch=body, else_branch=body)
        out = helper.make_tensor_value_info(f"out{k}", TensorProto.FLOAT, shape)
        body = helper.make_graph([node], f"g{k}", [], [out])
    body.input.append(helper.make_tensor_value_info("x", TensorProto.FLOAT, shape))
    body.initializer.append(numpy_helper.from_array(np.array(True), "c"))
    return helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


FUNCTION = """
    g (float[N, 2] x) => (float[N, 2] y) {{ y = {call} }}
    <domain: "{domain}", opset_import: ["" : 17]> {name} (a) => (b) {{ b = {body}(a) }}
"""
LOCAL = '<ir_version: 8, opset_import: ["" : 17, "mine" : 1]>'

ALLOWED = {
    "a small network": parsed(GOOD),
    "rank 4 with one channel": inputs("float[N, 1, H, W] x", "float[N, 1, H, W] y"),
    "a batch of one": inputs("float[1, 2] x", "float[1, 2] y"),
    "an If whose branches are plain": parsed(IF.format(body="b = Relu(x)")),
    "sixteen Loops": loops(16),
    "eight subgraphs deep": nested_ifs(8),
}


@pytest.mark.parametrize("proto", ALLOWED.values(), ids=ALLOWED)
def test_nothing_is_wrong_with(proto):
    assert found(proto) == []


OPERATORS = {
    "an operator off the list": (one_node("Floor(x)"), "operator Floor is not one that libvmaf takes"),
    "a control operator off the list": (
        parsed(
            "g (float[N, 2] x) => (float[N, 2] y) { y = Scan (x) <num_scan_inputs = 1, "
            "body = b (float[2] i) => (float[2] o) { o = Neg(i) }> }"
        ),
        "operator Scan is not one that libvmaf takes",
    ),
    "a known name in an unknown domain": (
        one_node("evil.custom.Relu(x)", EVIL),
        "operator evil.custom::Relu is of a domain that libvmaf does not take",
    ),
    "an operator of the ML domain": (
        one_node("ai.onnx.ml.Scaler(x)", '<ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>'),
        "operator ai.onnx.ml::Scaler is of a domain that libvmaf does not take",
    ),
    "an operator in a branch": (
        parsed(IF.format(body="b = Floor(x)")),
        "operator Floor is not one that libvmaf takes",
    ),
    "a foreign domain in a branch": (
        parsed(IF.format(body="b = evil.custom.Relu(x)"), EVIL),
        "operator evil.custom::Relu is of a domain that libvmaf does not take",
    ),
    "an operator in a Loop": (
        parsed(
            "g (float[N, 2] x) => (float[N, 2] y) <int64 three = {3}, bool yes = {1}> {"
            + LOOP.format(k=0, x="x", y="y").replace("Neg", "Floor")
            + "}"
        ),
        "operator Floor is not one that libvmaf takes",
    ),
    "an operator three branches deep": (
        nested_ifs(3, "Floor"),
        "operator Floor is not one that libvmaf takes",
    ),
    "a function of a domain of its own": (
        parsed(FUNCTION.format(call="mine.Relu(x)", domain="mine", name="Relu", body="Exp"), LOCAL),
        "operator mine::Relu is a model-local function, which libvmaf does not take",
    ),
    "a function that shadows a standard operator": (
        parsed(FUNCTION.format(call="Relu(x)", domain="", name="Relu", body="Exp"), LOCAL),
        "operator Relu is a model-local function, which libvmaf does not take",
    ),
    "an operator off the list in a function": (
        parsed(FUNCTION.format(call="mine.F(x)", domain="mine", name="F", body="Floor"), LOCAL),
        "operator Floor is not one that libvmaf takes",
    ),
    "an operator off the list in a function that nobody calls": (
        parsed(FUNCTION.format(call="Relu(x)", domain="mine", name="F", body="Floor"), LOCAL),
        "operator Floor is not one that libvmaf takes",
    ),
    "seventeen Loops": (loops(17), "17 Loop nodes; libvmaf takes 16"),
    "nine subgraphs": (nested_ifs(9), "operator Neg is 9 subgraphs deep; libvmaf goes to 8"),
    "a very long operator": (one_node(f"{'R' * 128}(x)"), "an operator's name has 128 bytes"),
}


@pytest.mark.parametrize(("proto", "finding"), OPERATORS.values(), ids=OPERATORS)
def test_an_operator_that_the_runtime_refuses_is_found(proto, finding):
    assert any(line.startswith(finding) for line in found(proto))


NOT_FED = [
    "float[N]",
    "float",
    "float[N, 2, 3]",
    "float[N, 1, 2, 3, 4]",
    "float[N, 3, H, W]",
    "float[N, C, H, W]",
    "float[]",
    "seq(float[N, 2])",
    "optional(float[N, 2])",
    "float[7, 2]",
    "float[7, 1, H, W]",
]


@pytest.mark.parametrize("declared", NOT_FED)
def test_an_input_that_the_runtime_does_not_feed_is_found(declared):
    lines = found(inputs(f"{declared} x", f"{declared} y"))
    assert any(line.startswith("input x has shape ") and line.endswith("which libvmaf does not feed") for line in lines)


@pytest.mark.parametrize("kind", ["double", "int64", "int32", "uint8", "bool", "string", "bfloat16", "complex64"])
def test_an_input_of_a_type_that_the_runtime_does_not_feed_is_found(kind):
    lines = found(inputs(f"{kind}[N, 2] x", f"{kind}[N, 2] y"))
    assert lines == [f"input x is of type {kind.upper()}, which libvmaf does not feed"]


def test_the_runtime_converts_what_it_feeds_to_half_precision():
    assert found(inputs("float16[N, 2] x", "float16[N, 2] y")) == []


@pytest.mark.parametrize(("version", "lines"), [(3, 0), (10, 0), (11, 1), (2**40, 1)])
def test_an_ir_version_that_the_runtime_does_not_read_is_found(version, lines):
    proto = parsed(GOOD)
    proto.ir_version = version
    del proto.graph.node[1].input[1:]  # weights are inputs too in version 3
    proto.graph.node[1].op_type = "Identity"
    for tensor in proto.graph.initializer:
        proto.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    proto.graph.output[0].type.tensor_type.shape.dim.add().dim_value = 1
    told = [line for line in found(proto) if line.startswith("the file has IR version")]
    assert len(told) == lines


INFERENCE = {
    "no mode": "y = Dropout(x)",
    "no mode, and a mask": "y, m = Dropout(x, r)",
    "an absent mode": "y = Dropout(x, r, )",
    "a mode that is false": "y = Dropout(x, r, f)",
    "a mode that a node says is false": "k = Constant <value = bool {0}> () y = Dropout(x, r, k)",
    "a normalisation": "y = BatchNormalization(x, s, s, s, s)",
    "a normalisation that says so": "y = BatchNormalization <training_mode = 0> (x, s, s, s, s)",
}
TRAINING = {
    "a mode that is true": "y = Dropout(x, r, t)",
    "a mode that is an input's": "y = Dropout(x, r, i)",
    "a mode that a node says is true": "k = Constant <value = bool {1}> () y = Dropout(x, r, k)",
    "a mode that is computed": "k = Not(f) y = Dropout(x, r, k)",
    "a mode that is passed on": "k = Identity(t) y = Dropout(x, r, k)",
    "a normalisation": "y, m, v = BatchNormalization <training_mode = 1> (x, s, s, s, s)",
    "a normalisation that gives its mean": "y, m, v = BatchNormalization(x, s, s, s, s)",
}


def in_some_mode(nodes):
    weights = "float r = {0.5}, bool t = {1}, bool f = {0}, float[2] s = {1, 1}"
    return parsed(f"g (float[N, 2] x, bool i) => (float[N, 2] y) <{weights}> {{ {nodes} }}")


@pytest.mark.parametrize("nodes", INFERENCE.values(), ids=INFERENCE)
def test_an_operator_that_does_not_train_is_fine(nodes):
    assert not any("training mode" in line for line in found(in_some_mode(nodes)))


@pytest.mark.parametrize("nodes", TRAINING.values(), ids=TRAINING)
def test_an_operator_that_trains_or_may_is_found(nodes):
    assert sum("training mode" in line for line in found(in_some_mode(nodes))) == 1


def test_every_input_is_looked_at_and_weights_are_none():
    proto = parsed(
        "g (float[N, 2] x, float[N] z, float[3] w) => (float[N, 2] y, float[N] v) <float[3] w = {1, 2, 3}> "
        "{ y = Neg(x) v = Neg(z) }"
    )
    assert found(proto) == ["input z has shape ['N'], which libvmaf does not feed"]


def outside(tensor):
    tensor.ClearField("raw_data")
    tensor.ClearField("float_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="model.onnx.data")
    return tensor


def tensor(name="weights"):
    return outside(numpy_helper.from_array(np.zeros((2, 2), np.float32), name))


def constant(name="weights"):
    return helper.make_node("Constant", [], ["k"], value=tensor(name))


def into_weights(proto):
    proto.graph.initializer.append(tensor())


def into_a_constant(proto):
    proto.graph.node.insert(0, constant())


def into_a_branch(proto):
    proto.graph.node[0].attribute[0].g.initializer.append(tensor())


def into_a_constant_of_a_branch(proto):
    proto.graph.node[0].attribute[0].g.node.insert(0, constant())


def into_a_function(proto):
    function = proto.functions.add(domain="mine", name="F")
    function.output.append("k")
    function.opset_import.add(domain="", version=17)
    function.node.append(constant())


def into_sparse_weights(proto):
    sparse = proto.graph.sparse_initializer.add(dims=[2, 2])
    sparse.values.CopyFrom(outside(numpy_helper.from_array(np.ones(1, np.float32), "weights")))
    sparse.indices.CopyFrom(numpy_helper.from_array(np.zeros(1, np.int64), "at"))


OUTSIDE = [
    into_weights,
    into_a_constant,
    into_a_branch,
    into_a_constant_of_a_branch,
    into_a_function,
    into_sparse_weights,
]


@pytest.mark.parametrize("put", OUTSIDE, ids=lambda put: put.__name__)
def test_weights_outside_the_file_are_found(put):
    proto = parsed(IF.format(body="b = Relu(x)"))
    put(proto)
    assert found(proto) == ["weights outside the file, where no digest covers them: weights"]


TRACEBACK = 'File "/srv/build/train.py", line 12, in export\n    torch.onnx.export(model)'
LEAKS = {
    "a home directory": "/home/ada/models/x",
    "a home of an immutable system": "/var/home/ada/x",
    "a home on a share": "/nfs4/home/ada/x",
    "a Mac's home": "/Users/ada/x",
    "root's home": f"/{'root'}/x",
    "a mount": "/mnt/data/tables",
    "a notebook's folder": "saved to /content/drive",
    "a temporary folder": "made in /tmp/run3",
    "a folder after an option": "--out=/srv/models",
    "a file anywhere": "/models/vmaf/best.ckpt",
    "an address of a file": "file:///models",
    "a Windows path": r"C:\Users\ada\model.pt",
    "a Windows path with slashes": "D:/models/x",
    "a Windows share": r"\\host\share\x",
    "an escaped Windows share": r"\\\\host\\share\\x",
    "a traceback": TRACEBACK,
    "a traceback of a relative file": 'File "train.py", line 12, in export',
    "an installed package": "/opt/venv/lib/python3.11/site-packages/torch/nn/modules/linear.py",
    "a line of a source file": "export.py:31",
}


def in_doc_string(proto, text):
    proto.doc_string = text


def in_graph_doc_string(proto, text):
    proto.graph.doc_string = text


def in_node_doc_string(proto, text):
    proto.graph.node[0].doc_string = text


def in_metadata(proto, text):
    proto.metadata_props.add(key="source", value=text)


def in_node_metadata(proto, text):
    proto.graph.node[0].metadata_props.add(key="pkg.torch.onnx.stack_trace", value=text)


def in_producer(proto, text):
    proto.producer_name = text


def in_weights_doc_string(proto, text):
    proto.graph.initializer[0].doc_string = text


PLACES = [
    in_doc_string,
    in_graph_doc_string,
    in_node_doc_string,
    in_metadata,
    in_node_metadata,
    in_producer,
    in_weights_doc_string,
]


def local_name_in(put, text):
    proto = parsed(GOOD)
    put(proto, text)
    [line] = found(proto)
    return line.startswith("the graph names something of the machine that made it: ")


@pytest.mark.parametrize("put", PLACES, ids=lambda put: put.__name__)
def test_a_home_directory_is_found_wherever_it_lies(put):
    assert local_name_in(put, "saved from /home/ada/models")


@pytest.mark.parametrize("text", LEAKS.values(), ids=LEAKS)
def test_a_name_of_the_machine_is_found(text):
    assert local_name_in(in_node_metadata, text)


ORDINARY = [
    "predicts VMAF",
    "train.py",
    "a ratio of 1:2",
    "km/h and/or 1/2",
    "/encoder/layer1/Gemm_output_0",
    "/net/net.0/Gemm",
    "/level2/home/Conv_output_0",
    "/level2/usr/Conv",
    "https://example.org/home/ada/train.py",
]


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_words_are_no_name_of_the_machine(text):
    proto = parsed(GOOD)
    in_doc_string(proto, text)
    in_node_metadata(proto, text)
    proto.graph.node[0].name = text
    assert found(proto) == []


@pytest.mark.parametrize("name", ["/usr/conv1/Conv", "/content/Conv", "/data/x/Gemm", "/home/Conv_output_0"])
def test_the_name_of_a_node_may_look_like_a_folder(name):
    proto = parsed(GOOD)
    proto.graph.node[0].name = name
    assert found(proto) == []


@pytest.mark.parametrize("name", ["/home/ada/best.pt", r"C:\models", 'File "train.py"'])
def test_the_name_of_a_node_may_not_name_a_file(name):
    proto = parsed(GOOD)
    proto.graph.node[0].name = name
    assert len(found(proto)) == 1


LONG = ["a", "a.", "/a", "@/a", " /a/a", "/home/a", r"\\a", "a:/", "x://", "site-packages", 'File "', "a.py:"]


@pytest.mark.parametrize("part", LONG)
def test_a_long_text_is_searched_once(part):
    """In a time that grows with its length, and not with the square of it."""
    proto = parsed(GOOD)
    in_doc_string(proto, part * (2_000_000 // len(part)))
    assert len(found(proto)) <= 1


def test_weights_that_happen_to_spell_a_path_are_no_finding():
    proto = parsed(GOOD)
    proto.graph.initializer[0].ClearField("float_data")
    proto.graph.initializer[0].raw_data = b"/home/ad"
    assert found(proto) == []


GOOD_BYTES = parsed(GOOD).SerializeToString()


def test_no_bytes_are_no_model():
    assert found(b"") == [f"0 bytes; libvmaf loads 1 to {RUNTIME.max_file_bytes}"]


def test_a_file_beyond_the_runtimes_limit_is_found_before_it_is_parsed():
    small = replace(RUNTIME, max_file_bytes=len(GOOD_BYTES))
    assert found(GOOD_BYTES, small) == []
    assert found(GOOD_BYTES + b"\0", small) == [f"{len(GOOD_BYTES) + 1} bytes; libvmaf loads 1 to {len(GOOD_BYTES)}"]


def test_what_is_no_protobuf_is_no_model():
    [line] = found(b"\xff\xff\xff\xff")
    assert line.startswith("not an ONNX file: ")


@pytest.mark.parametrize("length", range(1, len(GOOD_BYTES), 7))
def test_a_truncated_file_is_found(length):
    assert found(GOOD_BYTES[:length]) != []


@given(st.integers(0, len(GOOD_BYTES) - 1), st.integers(0, 255))
@example(112, 0)  # a name with a line break in it
def test_a_damaged_byte_gives_messages_and_never_an_exception(position, value):
    damaged = bytearray(GOOD_BYTES)
    damaged[position] = value
    assert all(found(bytes(damaged)))


@given(st.binary(max_size=200))
def test_any_bytes_give_messages_and_never_an_exception(data):
    assert all(found(data))


def test_a_graph_that_does_not_hold_together_is_found_by_the_checker():
    proto = parsed(GOOD)
    proto.graph.node[1].input[0] = "nothing"
    assert any(line.startswith("onnx.checker: ") for line in found(proto))


def test_shapes_that_contradict_each_other_are_found():
    proto = parsed(GOOD)
    proto.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 3
    assert any(line.startswith("onnx.checker: ") for line in found(proto))


def test_a_signature_is_read_from_the_graph():
    read = signature(parsed(GOOD))
    assert (read.opset, read.inputs, read.outputs) == (17, {"x": ("N", 2)}, {"y": ("N",)})


@pytest.mark.parametrize(
    ("imports", "opset"),
    [('"" : 17', 17), ('"ai.onnx" : 18', 18), ('"evil.custom" : 3, "" : 17', 17), ('"evil.custom" : 3', None)],
)
def test_the_opset_is_that_of_the_default_domain(imports, opset):
    assert signature(parsed(GOOD, f"<ir_version: 8, opset_import: [{imports}]>")).opset == opset


def test_the_list_of_operators_is_the_runtimes(shared):
    text = (shared / "RUNTIME.md").read_text(encoding="utf-8")
    listed = text.split("**Operators**:")[1].split("(Later versions")[0]
    names = set(listed.replace("·", " ").replace(".", " ").split())
    assert names == RUNTIME.operators
    assert {"Scan", "QLinearConv", "MatMulInteger"} & RUNTIME.operators == set()
    limits = RUNTIME.max_file_bytes, RUNTIME.max_subgraph_depth, RUNTIME.max_loop_nodes, RUNTIME.max_operator_name_bytes
    assert limits == (50 * 2**20, 8, 16, 127)
    assert RUNTIME.domains == {""}
