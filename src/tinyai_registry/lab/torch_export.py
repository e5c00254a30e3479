"""A torch module as an ONNX graph, for plugins that train one: one file, quiet, and naming nothing of the machine."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import onnx
import torch

from tinyai_registry.errors import PluginError
from tinyai_registry.onnxfile.protobuf import messages
from tinyai_registry.recipe import Recipe, Tensor

# The oldest opset that torch writes without a converter; an earlier one is made from it by onnx.
TORCH_OPSET = 18


def export_module(recipe: Recipe, module: torch.nn.Module) -> onnx.ModelProto:
    """``module``, which takes the recipe's inputs in order as float32 ``[N, ...]``, as the graph of ``recipe``.

    Its tensors are called as the recipe says, its batch is one or open as the recipe says, and it has the recipe's
    opset. Raises PluginError where an operator of ``module`` cannot be written in that opset.
    """
    rows = 1 if recipe.batch == "one" else 2  # torch takes an open size of one for a fixed one
    shapes = [each.shape if isinstance(each, Tensor) else (len(each.columns),) for each in recipe.inputs]
    examples = tuple(torch.zeros(rows, *shape) for shape in shapes)
    batch = None if recipe.batch == "one" else tuple({0: torch.export.Dim("N")} for _ in shapes)
    with _quietly():
        program = torch.onnx.export(
            module.eval(),
            examples,
            input_names=[each.tensor for each in recipe.inputs],
            output_names=[recipe.output],
            opset_version=max(recipe.opset, TORCH_OPSET),
            dynamo=True,
            dynamic_shapes=batch,
            external_data=False,
            verbose=False,
        )
    if program is None:
        raise PluginError(f"torch exports nothing for {recipe.id}")
    return _bare(_at_opset(program.model_proto, recipe), recipe)


def _at_opset(model: onnx.ModelProto, recipe: Recipe) -> onnx.ModelProto:
    try:
        found = onnx.version_converter.convert_version(model, recipe.opset)
    except RuntimeError as error:
        raise PluginError(f"{recipe.id} cannot be written in opset {recipe.opset}: {error}") from error
    for node in found.graph.node:
        if recipe.opset < TORCH_OPSET and node.op_type.startswith("Reduce"):
            # Onnx's converter takes the axes back to where they were and forgets what came with them.
            kept = [each for each in node.attribute if each.name != "noop_with_empty_axes"]
            del node.attribute[:]
            node.attribute.extend(kept)
    return found


def _bare(model: onnx.ModelProto, recipe: Recipe) -> onnx.ModelProto:
    """``model`` without source lines, stack traces and what else torch has noted in it."""
    model.ir_version = onnx.helper.find_min_ir_version_for(list(model.opset_import))
    model.producer_name, model.producer_version = "tinyai-registry", ""
    model.graph.name = recipe.id
    model.graph.ClearField("value_info")
    for part in messages(model):
        for field in ("metadata_props", "doc_string"):
            if field in part.DESCRIPTOR.fields_by_name:
                part.ClearField(field)
    return model


@contextmanager
def _quietly() -> Iterator[None]:
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about torch's own future; nothing that a plugin could mend
            yield
    finally:
        logger.setLevel(before)
