"""Names under which the target runtime can log a model."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from tinyai_registry.recipe import name_flaw


@pytest.mark.parametrize("name", ["fr_regressor_v1", "vmaf_tiny_v2", "g", "A1", "vmaf_v2", "integer_adm4"])
def test_a_name_of_its_own_is_logged_as_it_is(name):
    assert name_flaw(name) is None
    assert ET.fromstring(f'<frame {name}="1"/>').get(name) == "1"


@pytest.mark.parametrize(
    "name",
    [
        "vmaf",
        "VMAF",
        "integer_adm2",
        "float_ssim",
        "psnr_y",
        "cambi",
        "ciede2000",
        "adm2",
        "integer_vif_scale3",
        "frameNum",
    ],
)
def test_a_name_that_the_log_has_already_is_none(name):
    assert name_flaw(name) == "libvmaf logs a score or a feature under that name"


@pytest.mark.parametrize("name", ["", "3d_v1", "_x", "a-b", "a b", 'a"b', "höhe", "a\n", "a/><b"])
def test_a_name_that_breaks_the_log_is_none(name):
    assert name_flaw(name) == "it is not a letter followed by letters, digits and underscores"
