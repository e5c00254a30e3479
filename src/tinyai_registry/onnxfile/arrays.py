"""The values of tensors as numpy arrays. Imported where values are needed: numpy and ``onnx`` take long to import."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray
from onnx import helper, numpy_helper

from tinyai_registry.onnxfile.onnx_messages import TensorProto


def to_array(tensor: TensorProto) -> NDArray[Any]:
    """The values of ``tensor``, in its shape and type. Raises what it likes if it does not hold together."""
    return numpy_helper.to_array(tensor)


def item_size(data_type: int) -> int:
    """Bytes of one value of ``data_type``, as ``TensorProto`` numbers the types. Raises KeyError if there is none."""
    return helper.tensor_dtype_to_np_dtype(data_type).itemsize
