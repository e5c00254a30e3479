"""What a plugin's import changes for the whole process is set back, and the plugin is named."""

from __future__ import annotations

import locale
import logging
import os
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from tinyai_registry.plugins.discovery import discover
from tinyai_registry.plugins.process_state import SETTINGS, restore_settings

INTRUSIONS = {
    "the working directory": "import os; os.chdir('/')",
    "the locale": "from locale import *; setlocale(LC_ALL, 'C' if setlocale(LC_ALL) != 'C' else 'C.UTF-8')",
    "the warning filters": "import warnings; warnings.simplefilter('error', ResourceWarning)",
    "numpy's error handling": "import numpy; numpy.seterr(all='raise')",
    "torch's default dtype": "import torch; torch.set_default_dtype(torch.float64)",
    "torch's default device": "import torch; torch.set_default_device('meta')",
    "torch's gradient mode": "import torch; torch.set_grad_enabled(False)",
    "torch's precision of matrix products": "import torch; torch.set_float32_matmul_precision('medium')",
}
DECLARE = "\nfrom tinyai_registry import hookimpl\n@hookimpl\ndef tinyai_recipes():\n    return []\n"


def settings() -> dict[str, object]:
    return {setting.name: setting.read() for setting in SETTINGS}


def test_every_setting_has_its_intrusion():
    assert [setting.name for setting in SETTINGS] == list(INTRUSIONS)


@pytest.mark.parametrize("then", [DECLARE, "\n1 / 0\n"], ids=["and is active", "and fails"])
@pytest.mark.parametrize(("what", "source"), INTRUSIONS.items(), ids=INTRUSIONS)
def test_what_an_import_changes_is_set_back_and_the_plugin_named(install, caplog, what, source, then):
    pytest.importorskip("torch")
    before = settings()
    install("rude", source + then)
    with caplog.at_level(logging.WARNING):
        [plugin] = [each for each in discover().all if each.name == "rude"]
    assert settings() == before
    told = f"its import changed {what}, which was set back"
    assert plugin.status == ("active" if then == DECLARE else "failed")
    assert told in plugin.reason
    assert [record.getMessage() for record in caplog.records] == [f"plugin rude (tinyai-rude 1.0): {told}"]


def test_a_hook_that_changes_them_while_it_declares_is_named_too(install):
    install("rude", DECLARE.replace("return []", "import os; os.chdir('/'); return []"))
    here = Path.cwd()
    [plugin] = [each for each in discover().all if each.name == "rude"]
    assert "the working directory" in plugin.reason
    assert Path.cwd() == here


def test_an_import_that_changes_nothing_has_no_reason(duo):
    assert [each.reason for each in discover().all if each.name == "duo"] == [None]


def test_a_library_that_is_not_imported_is_not_imported_to_ask(monkeypatch):
    for name in ("torch", "numpy"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    with restore_settings() as changed:
        pass
    assert changed == []
    assert not {"torch", "numpy"} & set(sys.modules)


def test_a_library_that_the_plugin_is_the_first_to_import_goes_back_to_its_beginnings(monkeypatch):
    numpy = sys.modules["numpy"]
    before = np.geterr()
    monkeypatch.delitem(sys.modules, "numpy")
    with restore_settings() as changed:
        monkeypatch.setitem(sys.modules, "numpy", numpy)
        numpy.seterr(over="raise")
    assert changed == ["numpy's error handling"]
    assert np.geterr() == before


def test_a_filter_that_hides_warnings_stays_and_one_that_raises_them_goes():
    with warnings.catch_warnings():
        warnings.resetwarnings()
        with restore_settings() as changed:
            warnings.filterwarnings("error", category=FutureWarning)
            warnings.filterwarnings("ignore", message="numpy.dtype size changed")
        assert changed == ["the warning filters"]
        assert [each[0] for each in warnings.filters] == ["ignore"]
        with pytest.warns(FutureWarning):
            warnings.warn("soon", FutureWarning, stacklevel=1)


def test_a_working_directory_that_is_gone_can_not_be_gone_back_to(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gone").mkdir()
    os.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with restore_settings() as changed:
        os.chdir(tmp_path)
    assert changed == []
    assert locale.setlocale(locale.LC_ALL)
