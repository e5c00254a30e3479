"""How plugins are found, blocked, blamed and asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pluggy
import pytest

from tinyai_registry.errors import PluginError, RecipeChangedError, TableError
from tinyai_registry.plugins.discovery import discover
from tinyai_registry.plugins.installed import Plugins
from tinyai_registry.plugins.plugin import Plugin

HEAD = "from tinyai_registry import Criterion, hookimpl\n"


def found(name: str, **options) -> Plugin:
    [plugin] = [plugin for plugin in discover(**options).all if plugin.name == name]
    return plugin


@pytest.fixture
def table(frame, write_table):
    return write_table(frame)


@pytest.fixture
def error(refresh, table, registry, digests):
    """Refreshes, expects exit code 2 and an unchanged registry, and returns the one line that says why."""

    def run(*words) -> str:
        before = digests(registry)
        ran = refresh(table, *words)
        assert ran.code == 2, ran
        assert digests(registry) == before
        [line] = ran.err.splitlines()
        assert line == f"tinyai: {ran.json['error']['message']}"
        return line

    return run


# --- found


def test_an_installed_plugin_is_found_with_its_distribution_hooks_and_models(duo):
    plugin = found("duo")
    assert (plugin.distribution, plugin.version, plugin.status) == ("tinyai-duo", "1.0", "active")
    assert [recipe.id for recipe in plugin.recipes] == ["duo_v1"]
    assert set(plugin.hooks) == {"tinyai_recipes", "tinyai_train", "tinyai_evaluate", "tinyai_export"}


def test_the_defaults_are_a_plugin_like_any_other():
    builtin = found("builtin")
    assert (builtin.distribution, builtin.status, builtin.recipes) == ("tinyai-registry", "active", ())
    of_tensors = {"tinyai_inputs", "tinyai_measure"}
    assert set(builtin.hooks) == {"tinyai_train", "tinyai_evaluate", "tinyai_export", "tinyai_describe", *of_tensors}


def test_a_plugin_may_name_the_core_it_is_built_on(install):
    install("whole", "import tinyai_registry\nfrom tinyai_registry import recipe as tinyai_recipe\n")
    assert found("whole").reason is None


# --- blocked


@pytest.mark.parametrize(
    ("block", "options"),
    [("boom", {}), ("other, boom", {}), ("", {"block": ["boom"]}), ("", {"block_all": True})],
    ids=["by the environment", "among others", "by argument", "with all"],
)
def test_a_blocked_plugin_is_not_imported(install, monkeypatch, block, options):
    install("boom", "raise RuntimeError('imported')")
    monkeypatch.setenv("TINYAI_BLOCK_PLUGINS", block)
    plugin = found("boom", **options)
    assert plugin.status == "blocked"
    assert "boom_plugin" not in sys.modules


def test_no_plugins_leaves_the_built_in_alone(tinyai, duo):
    ran = tinyai("--no-plugins", "plugins", "--json")
    assert {p["name"]: p["status"] for p in ran.json["plugins"] if p["status"] == "active"} == {"builtin": "active"}
    assert "duo_plugin" not in sys.modules


def test_the_model_of_a_blocked_plugin_is_unknown_and_the_error_says_who_is_blocked(duo, error, monkeypatch):
    monkeypatch.setenv("TINYAI_BLOCK_PLUGINS", "duo")
    assert "plugin duo (tinyai-duo 1.0) is blocked: by TINYAI_BLOCK_PLUGINS" in error()


# --- failed, and the others go on

RECIPES = HEAD + "@hookimpl\ndef tinyai_recipes():\n    "
FAILURES = {
    "import": ("import no_such_module_anywhere", "ModuleNotFoundError: No module named 'no_such_module_anywhere'"),
    "syntax": ("def", "SyntaxError"),
    "exit": ("raise SystemExit('bye')", "SystemExit: bye"),
    "misspelt hook": (HEAD + "@hookimpl\ndef tinyai_recipies(): ...", "tinyai_recipies is no hook of tinyai"),
    "no marker": ("def tinyai_gate(recipe, evaluation, previous): ...", "tinyai_gate lacks the @hookimpl marker"),
    "signature": (HEAD + "@hookimpl\ndef tinyai_train(recipe, data): ...", "data"),
    "not a function": ("tinyai_train = 5", "tinyai_train"),
    "recipes raise": (RECIPES + "raise ValueError('no disk')", "ValueError: no disk"),
    "recipes exit": (RECIPES + "raise SystemExit('bye')", "SystemExit: bye"),
    "exception of its own": ("class Mine(BaseException): ...\nraise Mine('bye')", "Mine: bye"),
    "cancelled": ("import asyncio\nraise asyncio.CancelledError", "CancelledError"),
    "a group": ("raise BaseExceptionGroup('two', [ValueError(), SystemExit()])", "BaseExceptionGroup: two"),
    "an exception without words": (
        "class Mute(Exception):\n    def __str__(self): raise SystemExit(1)\nraise Mute",
        "Mute: (its message raises SystemExit)",
    ),
    "an exception of many words": ("raise ValueError('x' * 10**6)", "ValueError: " + "x" * 500),
    "recipes of its own exception": (
        RECIPES + "raise type('Mine', (BaseException,), {})('bye')",
        "tinyai_recipes raised Mine: bye",
    ),
    "recipes are no list": (RECIPES + "return 5", "tinyai_recipes"),
    "recipes are words": (RECIPES + "return ['duo_v1']", "tinyai_recipes returned a list with str in it, not Recipe"),
    "a criterion on the mode": (RECIPES + "return [Criterion('plcc', 'mode', '>=', 0.5)]", "'mode', not one of"),
    "criteria for recipes": (
        RECIPES + "return [Criterion('plcc', 'median', '>=', 0.5)]",
        "tinyai_recipes returned a list with Criterion in it, not Recipe",
    ),
    "a criterion of equality": (RECIPES + "return [Criterion('plcc', 'mean', '==', 1.0)]", "=="),
    "a criterion of NaN": (RECIPES + "return [Criterion('plcc', 'mean', '>=', float('nan'))]", "nan"),
    "recipes are missing": (RECIPES + "pass", "tinyai_recipes returned None"),
}


@pytest.mark.parametrize(("source", "reason"), FAILURES.values(), ids=FAILURES)
def test_a_broken_plugin_is_reported_in_one_line_and_everything_else_works(
    tinyai, install, duo, refresh, registry, table, source, reason
):
    install("broken", source, version="2.1", distribution="team-broken")
    [plugin] = [p for p in tinyai("plugins", "--json").json["plugins"] if p["name"] == "broken"]
    assert (plugin["distribution"], plugin["version"], plugin["status"]) == ("team-broken", "2.1", "failed")
    assert reason in plugin["reason"]
    assert "\n" not in plugin["reason"]
    assert plugin["models"] == []
    assert refresh(table).json["status"] == "published"
    assert tinyai("list", "--registry", registry).code == 0


def test_people_see_the_failed_plugin_too(tinyai, install):
    install("broken", "raise ValueError('no disk')", version="2.1", distribution="team-broken")
    ran = tinyai("plugins")
    assert ran.code == 0
    assert "broken  failed  (team-broken 2.1)\n  why     ValueError: no disk\n" in ran.out


def test_the_model_of_a_failed_plugin_is_unknown_and_the_error_says_why(install, error):
    install("duo", "raise ValueError('first line\\nsecond line')")
    assert "plugin duo (tinyai-duo 1.0) is failed: ValueError: first line" in error()


def test_a_failed_plugin_leaves_no_hook_behind(install, duo_as, refresh, table):
    duo_as({"return [DUO]": "raise ValueError"}, name="aaa")
    duo_as({})
    assert refresh(table).json["status"] == "published"


# --- one owner for each model


def test_two_plugins_that_claim_one_model_are_both_named(duo_as, error):
    duo_as({})
    duo_as({}, name="rival", version="3.0")
    line = error()
    assert "plugin duo (tinyai-duo 1.0)" in line
    assert "plugin rival (tinyai-rival 3.0)" in line


def test_two_plugins_of_one_name_are_told_apart(duo_as, install):
    duo_as({})
    install("duo", HEAD, distribution="team-duo")
    plugins = [plugin for plugin in discover().all if plugin.name == "duo"]
    assert sorted(plugin.status for plugin in plugins) == ["active", "failed"]


def test_another_plugins_hooks_do_not_touch_a_model_that_is_not_its_own(install, duo, refresh, table):
    hooks = ("train(recipe, table, fits)", "evaluate(recipe, held_out)", "export(recipe, models)", "gate(recipe)")
    install("greedy", HEAD + "\n".join(f"@hookimpl\ndef tinyai_{hook}: 1 / 0" for hook in hooks))
    assert found("greedy").status == "active"
    assert refresh(table).json["status"] == "published"


def test_an_unknown_model_is_answered_with_those_that_are_known(tinyai, duo, table, registry):
    ran = tinyai("refresh", "nope_v1", "--table", table, "--registry", registry)
    assert ran.code == 2
    assert "'nope_v1'" in ran.err
    assert "duo_v1" in ran.err


def test_where_no_plugin_is_installed_the_error_says_where_models_come_from():
    with pytest.raises(PluginError, match=r"no plugin declares the model 'fr_v1': .*`tinyai new-plugin`.*`plugins/`"):
        Plugins(pluggy.PluginManager("tinyai_registry"), ()).owner("fr_v1")


# --- a hook that misbehaves is attributed

TRAIN = "return [Linear(table.features[fit.rows], table.target[fit.rows]) for fit in fits]"
PREDICT = 'return np.c_[inputs["spatial"], inputs["temporal"]] @ self.weights[:-1] + self.weights[-1]'
MAE = 'return [{"mae": float(np.abs(part.prediction - part.target).mean())} for part in held_out]'
NAMES = '{"duo_v1": "y = Gemm(x, w, b)", "duo_v1.plain": "p = MatMul(x, w) y = Add(p, b)"}'
PROTOS = 'return {name: onnx.parser.parse_model(GRAPH % (", ".join(w), b, y)) for name, y in graphs.items()}'
BLAME = "plugin duo (tinyai-duo 1.0)"
MINE = "type('Mine', (BaseException,), {})"

MISDEEDS = {
    "train raises": (TRAIN, "raise ValueError('disk\\nfull')", "tinyai_train raised ValueError: disk"),
    "train exits": (TRAIN, "raise SystemExit(0)", "tinyai_train raised SystemExit"),
    "train raises what is no Exception": (TRAIN, f"raise {MINE}('bye')", "tinyai_train raised Mine: bye"),
    "train closes a generator": (TRAIN, "raise GeneratorExit", "tinyai_train raised GeneratorExit"),
    "train is cancelled": (TRAIN, "import asyncio; raise asyncio.CancelledError", "tinyai_train raised CancelledError"),
    "predict raises what is no Exception": (PREDICT, f"raise {MINE}('bye')", "raised Mine: bye"),
    "predict raises for the final model alone": (
        PREDICT,
        f"if len(inputs['spatial']) == 1: raise {MINE}('bye')\n        " + PREDICT,
        "verification of its artifacts raised Mine: bye",
    ),
    "evaluate raises what is no Exception": (MAE, f"raise {MINE}('bye')", "tinyai_evaluate raised Mine: bye"),
    "export raises what is no Exception": (PROTOS, f"raise {MINE}('bye')", "tinyai_export raised Mine: bye"),
    "an answer raises what is no Exception": (
        "standardisation = None",
        f"standardisation = property(lambda self: (_ for _ in ()).throw({MINE}('bye')))",
        "tinyai_train raised Mine: bye",
    ),
    "train returns nothing": (TRAIN, "pass", "tinyai_train returned None"),
    "train returns too little": (
        TRAIN,
        TRAIN.replace("in fits", "in fits[1:]"),
        "tinyai_train returned 3 trained models, one for each fit, not 4",
    ),
    "train returns a number": (TRAIN, "return 7", "tinyai_train returned"),
    "train returns no models": (TRAIN, "return ['x' for fit in fits]", "predict"),
    "predict raises": (PREDICT, "raise KeyError('spatial')", "KeyError"),
    "predict gives NaN": (
        PREDICT,
        PREDICT + " * np.nan",
        "predict of the model of fold-1 gave nan for row 2 of the table",
    ),
    "predict gives a column": (
        PREDICT,
        f"return ({PREDICT[7:]})[:, None]",
        "predict of the model of fold-1 gave (456, 1) for 456 rows",
    ),
    "predict gives words": (PREDICT, "return ['good'] * len(inputs['spatial'])", "predict"),
    "evaluate raises": (MAE, "1 / 0", "tinyai_evaluate raised ZeroDivisionError"),
    "evaluate returns nothing": (MAE, "pass", "tinyai_evaluate returned None"),
    "evaluate returns too little": (MAE, "return []", "tinyai_evaluate returned 0 mappings, one for each fold, not 3"),
    "evaluate returns words": (MAE, "return [{'mae': 'low'} for part in held_out]", "mae"),
    "evaluate returns no mapping": (MAE, "return [3.5 for part in held_out]", "tinyai_evaluate"),
    "evaluate computes PLCC": (MAE, "return [{'plcc': 1.0} for part in held_out]", "plcc"),
    "evaluate takes a fold's key": (MAE, MAE.replace('"mae"', '"mae": 1.0, "rows"'), "rows"),
    "export raises": (PROTOS, "raise OSError('gone')", "tinyai_export raised OSError: gone"),
    "export returns nothing": (PROTOS, "pass", "tinyai_export returned None"),
    "export returns a list": (PROTOS, "return ['duo_v1']", "tinyai_export"),
    "export returns bytes": (PROTOS, "return {'duo_v1': b'x'}", "duo_v1"),
    "export forgets the model": (NAMES, '{"duo_v1.plain": "y = Gemm(x, w, b)"}', "tinyai_export returned"),
    "export names another model": (NAMES, NAMES.replace("duo_v1.plain", "fr_v1"), "fr_v1"),
    "export names a path": (NAMES, NAMES.replace("duo_v1.plain", "duo_v1./../../../stray"), "stray"),
}


@pytest.mark.parametrize(("old", "new", "told"), MISDEEDS.values(), ids=MISDEEDS)
def test_whatever_a_hook_does_wrong_is_one_line_that_names_the_plugin(duo_as, error, tmp_path, old, new, told):
    duo_as({old: new})
    line = error()
    assert told in line
    assert BLAME in line
    assert not list(tmp_path.rglob("stray*"))


def test_a_metric_that_only_some_folds_have_is_undefined_in_the_others(duo_as, refresh, registry, table):
    one = (
        MAE.replace("return [", "return [{**extra, **({} if n else {'first': 1.0})} for n, extra in enumerate([") + ")]"
    )
    duo_as({MAE: one})
    ran = refresh(table)
    assert ran.code == 0, ran
    assert ran.json["evaluation"]["summary"]["first"]["mean"] is None
    assert (registry / "duo_v1.md").is_file()


def test_a_metric_that_is_not_finite_is_undefined_and_refuses_the_criterion_on_it(duo_as, refresh, table):
    duo_as({MAE: 'return [{"mae": float("nan")} for part in held_out]'})
    ran = refresh(table)
    assert ran.code == 3
    [mae] = [v for v in ran.json["gate"] if "MAE" in v["criterion"]]
    assert (mae["value"], mae["passed"]) == (None, False)


# --- policy

POLICY = HEAD + "@hookimpl\ndef tinyai_gate(recipe, evaluation, previous):\n    "
STRICT = POLICY + 'return [Criterion("srocc", "min", ">=", 0.9999)]'


@pytest.fixture
def policy(tmp_path, monkeypatch):
    """Names plugins under ``[policy]`` of the project that the working directory is in."""

    def name(*plugins: str) -> None:
        (tmp_path / "tinyai.toml").write_text(f"[policy]\nplugins = {json.dumps(plugins)}\n")
        monkeypatch.chdir(tmp_path)

    return name


def test_a_policy_plugin_adds_a_criterion_that_refuses(install, duo, refresh, table, registry, digests, policy):
    install("house", STRICT)
    policy("house")
    before = digests(registry)
    ran = refresh(table)
    assert (ran.code, ran.json["status"]) == (3, "refused")
    [refused] = [verdict for verdict in ran.json["gate"] if not verdict["passed"]]
    assert refused["criterion"] == "min SROCC over folds >= 0.9999"
    assert digests(registry) == before


def test_a_policy_judges_evaluate_as_well(tinyai, install, duo, table, policy):
    install("house", STRICT)
    policy("house")
    assert tinyai("evaluate", "duo_v1", "--table", table, "--json").code == 3


def test_a_gate_that_no_policy_names_judges_only_its_own_models(install, duo, refresh, table):
    install("house", STRICT)
    assert refresh(table).code == 0


def test_a_policy_cannot_take_a_criterion_away(install, duo_as, refresh, table, policy):
    duo_as({"0.8)": "0.9999)"})
    install("house", POLICY + "return []")
    policy("house")
    assert refresh(table).code == 3


def test_a_policy_sees_the_registered_sidecar(install, duo, refresh, table, policy):
    install("house", POLICY + 'return [Criterion("plcc", "mean", ">=", 0 if previous is None else 2)]')
    policy("house")
    assert refresh(table).code == 0
    assert refresh(table, "--force").code == 3


POLICY_FAULTS = {
    "unknown": (None, "tinyai.toml, [policy]: no plugin is called 'house'"),
    "failed": ("1 / 0", "plugin house (tinyai-house 1.0) is failed: ZeroDivisionError"),
    "raises": (POLICY + "raise KeyError('srocc')", "plugin house (tinyai-house 1.0): tinyai_gate raised KeyError"),
    "returns nothing": (POLICY + "pass", "plugin house (tinyai-house 1.0): tinyai_gate returned None"),
    "returns a number": (POLICY + "return 5", "plugin house (tinyai-house 1.0)"),
    "returns words": (POLICY + "return ['be good']", "plugin house (tinyai-house 1.0)"),
}


@pytest.mark.parametrize(("source", "told"), POLICY_FAULTS.values(), ids=POLICY_FAULTS)
def test_a_policy_that_cannot_be_asked_is_an_error_and_never_a_pass(install, duo, error, policy, source, told):
    if source:
        install("house", source)
    policy("house")
    assert told in error()


# --- whatever a plugin prints

PRINTS = {
    "print": "print('noise')",
    "descriptor 1": "import os; os.write(1, b'noise\\n')",
    "the original stream": "import sys; sys.__stdout__.write('noise\\n')",
    "C": "import ctypes; ctypes.CDLL(None).printf(b'noise\\n')",
    "a child process": "import subprocess; subprocess.run(['echo', 'noise'], check=True)",
}


def test_whatever_plugins_print_does_not_spoil_the_one_json_document(install):
    sites = [install(f"noisy{n}", source) for n, source in enumerate(PRINTS.values())]
    words = "from tinyai_registry.cli.app import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", words, "plugins", "--json"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, sites)), "PYTHONUNBUFFERED": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert {p["status"] for p in json.loads(done.stdout)["plugins"]} == {"active"}
    assert done.stderr.count("noise") == len(PRINTS)


def test_an_error_of_ours_that_passes_through_a_plugin_keeps_its_words_and_its_exit_code():
    plugin = Plugin("duo", "tinyai-duo", "1.0", "active")
    for error in (TableError("the table is too small"), RecipeChangedError("another gate")):
        with pytest.raises(type(error)) as caught, plugin.blame_for("tinyai_train"):
            raise error
        assert caught.value is error
    told = r"plugin duo \(tinyai-duo 1\.0\): tinyai_train returned None"
    with pytest.raises(PluginError, match=told), plugin.blame_for("tinyai_train"):
        raise PluginError("returned None")
