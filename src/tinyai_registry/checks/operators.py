"""What can be wrong with the operators of a graph, in subgraphs and functions too."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from tinyai_registry.checks import sizes
from tinyai_registry.checks.finding import Flaw, Rule, Severity
from tinyai_registry.onnxfile.constants import Constants
from tinyai_registry.onnxfile.onnx_messages import ModelProto, NodeProto
from tinyai_registry.onnxfile.protobuf import messages
from tinyai_registry.onnxfile.runtime import Runtime
from tinyai_registry.text import shorten

OPERATOR = Rule(
    "TAI404",
    "operator",
    Severity.ERROR,
    "an operator is not one that the runtime takes",
    "The target runtime goes through every node, subgraphs included, and refuses the model at the first operator that "
    "is not on its list.",
    "Export the model without it. An int8 file with DynamicQuantizeLinear needs another profile of the runtime; "
    "QuantizeLinear and DequantizeLinear are taken.",
)
DOMAIN = Rule(
    "TAI405",
    "operator-domain",
    Severity.ERROR,
    "an operator comes from a domain that the runtime does not take",
    "`evil.custom::Relu` is not Relu: an operator is known by its domain and its name, and another domain needs a "
    "library of its own to run.",
    "Export the model with operators of the default ONNX domain.",
)
FUNCTION = Rule(
    "TAI406",
    "local-function",
    Severity.ERROR,
    "an operator is a function that the model brings along",
    "A model-local function can give any name to any body, so a list of names says nothing about it.",
    "Inline the functions before export (`onnx.inliner.inline_local_functions`).",
)
DEPTH = Rule(
    "TAI407",
    "subgraph-depth",
    Severity.ERROR,
    "subgraphs are nested more deeply than the runtime goes",
    "The runtime's check stops there and refuses the model.",
    "Flatten the control flow.",
)
LOOPS = Rule(
    "TAI408",
    "loop-count",
    Severity.ERROR,
    "the graph has more loops than the runtime takes",
    "Loops make the time that a model takes unbounded.",
    "Unroll them.",
)
OPERATOR_NAME = Rule(
    "TAI409",
    "operator-name",
    Severity.ERROR,
    "an operator's name is longer than the runtime reads",
    "The runtime copies names into a buffer of fixed size and refuses longer ones.",
    "No operator of ONNX has such a name; export the model again.",
)
UNBOUNDED = Rule(
    "TAI414",
    "unbounded-loop",
    Severity.ERROR,
    "a loop has no bound",
    "A Loop without a trip count, or with one that nobody could wait for, runs until its own condition stops it: on "
    "some input that may be never, and whoever runs the model hangs.",
    "Give the loop the trip count that it needs, or unroll it.",
)

TRAINING = Rule(
    "TAI418",
    "training-mode",
    Severity.ERROR,
    "an operator computes as it does in training, or may",
    "A Dropout in training mode throws dice: it gives another score each time. A BatchNormalization in training mode "
    "scales by the batch that it is fed, so that a score depends on its neighbours.",
    "Export the model in inference mode (`model.eval()` in torch), without a training mode that an input decides.",
)

# Rows of a frame of 8K video, twice: a loop of more steps goes over nothing that a tiny model is fed.
_MOST_TRIPS = 10_000
# The input of Dropout that says whether it trains.
_DROPOUT_MODE = 2


def of_graph(model: ModelProto, runtime: Runtime) -> Iterator[Flaw]:
    """What ``runtime`` refuses of the nodes of ``model``; each operator once, with its first node."""
    # A model-local function can define any name in any domain, so its nodes count like the graph's.
    bodies = [model.graph.node, *(function.node for function in model.functions)]
    nodes = [found for body in bodies for found in _nodes(body, 0)]
    local = {(function.domain, function.name) for function in model.functions}
    refused: dict[tuple[Rule, str], list[str]] = defaultdict(list)
    for node, depth in nodes:
        for rule, what in _refusals(node, depth, local, runtime):
            refused[rule, what].append(node.name or (node.output[0] if node.output else ""))
    for (rule, what), names in refused.items():
        where = f" (node {shorten(names[0])})" if names[0] else ""
        yield Flaw(rule, what + (f" ({len(names)} nodes, first {shorten(names[0])})" if names[1:] else where))
    loops = [node for node, _ in nodes if node.op_type == "Loop"]
    if len(loops) > runtime.max_loop_nodes:
        yield Flaw(LOOPS, f"{len(loops)} Loop nodes; {runtime.name} takes {runtime.max_loop_nodes}")
    dropouts = [node for node, _ in nodes if node.op_type == "Dropout" and any(node.input[_DROPOUT_MODE:])]
    known = Constants(list(messages(model)) if loops or dropouts else [])
    yield from _unbounded(loops, known)
    for node in dropouts:
        if not _is_false(known, "".join(node.input[_DROPOUT_MODE:])):
            yield Flaw(TRAINING, f"the training mode of Dropout {_label(node)} is not a constant false")
    for node, _ in nodes:
        if node.op_type == "BatchNormalization" and _normalises_by_batch(node):
            yield Flaw(TRAINING, f"BatchNormalization {_label(node)} is in training mode")


def _refusals(node: NodeProto, depth: int, local: set[tuple[str, str]], runtime: Runtime) -> Iterator[tuple[Rule, str]]:
    operator = shorten(f"{node.domain}::{node.op_type}" if node.domain else node.op_type)
    length = len(node.op_type.encode())
    if length > runtime.max_operator_name_bytes:
        limit = runtime.max_operator_name_bytes
        yield OPERATOR_NAME, f"an operator's name has {length} bytes; {runtime.name} reads {limit}"
    elif (node.domain, node.op_type) in local:
        yield FUNCTION, f"operator {operator} is a model-local function, which {runtime.name} does not take"
    elif node.domain not in runtime.domains:
        yield DOMAIN, f"operator {operator} is of a domain that {runtime.name} does not take"
    elif node.op_type not in runtime.operators:
        yield OPERATOR, f"operator {operator} is not one that {runtime.name} takes"
    if depth > runtime.max_subgraph_depth:
        limit = runtime.max_subgraph_depth
        yield DEPTH, f"operator {operator} is {depth} subgraphs deep; {runtime.name} goes to {limit}"


def _nodes(body: Iterable[NodeProto], depth: int) -> Iterator[tuple[NodeProto, int]]:
    for node in body:
        yield node, depth
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                yield from _nodes(graph.node, depth + 1)


def _unbounded(loops: Sequence[NodeProto], known: Constants) -> Iterator[Flaw]:
    for node in loops:
        trips = node.input[0] if node.input else ""
        counts = known.integers(trips)
        if not trips:
            yield Flaw(UNBOUNDED, f"the loop {_label(node)} has no trip count")
        elif any(max(each, default=0) > _MOST_TRIPS for each in counts):
            yield Flaw(UNBOUNDED, f"the loop {_label(node)} has a trip count over {_MOST_TRIPS}")
        elif not (known.is_constant(trips) and all(counts)):
            yield Flaw(sizes.UNKNOWN, f"how often the loop {_label(node)} goes round is only known when the model runs")


def _is_false(known: Constants, name: str) -> bool:
    """Whether every tensor called ``name`` is a constant false."""
    return known.is_constant(name) and all(values == [0] for values in known.integers(name))


def _normalises_by_batch(node: NodeProto) -> bool:
    """By the attribute or, before opset 14 brought it, by outputs beyond the first."""
    return any(each.name == "training_mode" and each.i for each in node.attribute) or any(node.output[1:])


def _label(node: NodeProto) -> str:
    return shorten(node.name or " ".join(node.output))
