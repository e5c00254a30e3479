"""The profiles of the target runtimes: what the newer takes beyond the older, and what the command of each feeds."""

from __future__ import annotations

import pytest

from tinyai_registry.onnxfile.runtime import DEFAULT, known_runtimes, load_runtime, runtime_names

LIBVMAF, VMAFX = load_runtime("libvmaf"), load_runtime("vmafx")


def test_there_are_two_and_the_released_one_is_the_default():
    assert runtime_names() == ("libvmaf", "vmafx")
    assert known_runtimes() == (LIBVMAF, VMAFX)
    assert load_runtime() == load_runtime(DEFAULT) == LIBVMAF


def test_an_unknown_runtime_is_an_error():
    with pytest.raises(KeyError, match="tensorrt"):
        load_runtime("tensorrt")


def test_the_newer_takes_the_operators_of_dynamic_quantisation():
    assert VMAFX.operators - LIBVMAF.operators == {"DynamicQuantizeLinear", "MatMulInteger", "ConvInteger"}
    assert LIBVMAF.operators <= VMAFX.operators


def test_the_newer_reads_the_lists_and_how_a_codec_becomes_figures():
    assert LIBVMAF.sidecar.words == {"kind", "name", "input_name", "output_name", "onnx_opset", "quant_mode"}
    assert VMAFX.sidecar.words - LIBVMAF.sidecar.words == {
        *("output_names", "feature_order", "features", "feature_mean", "input_mean", "feature_std", "input_std"),
        *("onnx_has_scaler", "encoder_vocab", "codec_preset_norm", "codec_preset_value", "codec_crf_norm"),
        *("codec_crf_min", "codec_crf_max"),
    }


# Shape of an input: who runs it, and whose command feeds it.
SHAPES = {
    "a frame of one size": ((1, 1, 224, 224), "both", {"libvmaf", "vmafx"}),
    "frames of one size": (("N", 1, 224, 224), "both", {"vmafx"}),
    "a frame of any size": ((1, 1, "H", "W"), "both", set()),
    "a frame of colours": ((1, 3, 224, 224), "none", set()),
    "features of one frame": ((1, 6), "both", {"vmafx"}),
    "features": ((None, 6), "both", {"vmafx"}),
    "any number of features": (("N", "F"), "both", set()),
    "a batch of seven": ((7, 6), "none", set()),
    "nothing": ((1, 0), "both", set()),
    "a scalar": ((), "none", set()),
    "a sequence": (("N", 5, 6), "none", set()),
}


@pytest.mark.parametrize(("shape", "runs", "fed_by"), SHAPES.values(), ids=SHAPES)
def test_an_input_is_run_by_the_session_and_fed_by_the_command(shape, runs, fed_by):
    for runtime in known_runtimes():
        assert runtime.runs(shape) is (runs == "both")
        assert runtime.command.feeds(shape) is (runtime.name in fed_by)
