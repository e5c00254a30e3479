"""The model card: the human page of a release, rendered from its sidecar and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tinyai_registry.documents import front_matter, markdown, plot, snippet, upstream
from tinyai_registry.documents.markdown import LAYOUT, layout_of
from tinyai_registry.documents.sidecar_types import (
    ArtifactDocument,
    GitDocument,
    InputDocument,
    RecipeDocument,
    Sidecar,
    TableDocument,
)
from tinyai_registry.text import markdown_code as code
from tinyai_registry.text import markdown_prose, markdown_words


def render(sidecar: Sidecar) -> str:
    """The card in Markdown. The same sidecar renders to the same text, so a checker can tell an edited card."""
    if "upstream" in sidecar:
        return markdown.sections(sidecar["id"], upstream.parts(sidecar))
    front = front_matter.render(sidecar) if layout_of(sidecar) >= LAYOUT else ""
    return front + markdown.sections(sidecar["card"]["title"], _parts(sidecar))


def _parts(sidecar: Sidecar) -> Iterator[tuple[str, str]]:
    said, stage = sidecar["card"], markdown_words(sidecar["stage"])
    yield "", markdown_prose(said["summary"])
    before = f" · until now {code(sidecar['previous_id'])}" if "previous_id" in sidecar else ""
    yield "", f"{code(sidecar['id'])}{before} · kind {code(sidecar['kind'])} · ONNX opset {sidecar['opset']} · {stage}"
    if "plot" in sidecar:
        yield "", f"![{markdown_words(plot.describe(sidecar))}]({sidecar['plot']['path']})"
    yield "Intended use", markdown_prose(said["intended_use"])
    yield "Limits", markdown_prose(said["limits"])
    yield "How to call it", _calling(sidecar)
    if layout_of(sidecar) >= LAYOUT:
        yield "Training", _training(sidecar)
    yield "Training data", _data(sidecar)
    for heading, text in sorted(said["sections"].items()):  # as strict JSON is read back: the card stays the same
        yield heading, markdown_prose(text)
    yield "Evaluation", markdown.fold_table(sidecar["evaluation"])
    for protocol in sidecar["protocols"]:
        yield f"Protocol: {protocol['protocol']}", markdown.protocol_table(protocol)
    yield "Gate", markdown.gate_list(sidecar)
    for twin in sidecar["artifacts"]:
        if twin["sha256"] == sidecar.get("int8_sha256"):
            yield "Int8 twin", _twin(sidecar, twin)
    yield "Previous against refresh", markdown.comparison_table(sidecar)
    yield "Drift", markdown.drift_table(sidecar)
    yield "Caveats", markdown.caveat_list(sidecar)
    yield "Files", _files(sidecar)
    yield "Licence", _licence(sidecar)
    if layout_of(sidecar) >= LAYOUT:
        yield "Citation", _citation(sidecar)
    yield "Provenance", _provenance(sidecar)


def _calling(sidecar: Sidecar) -> str:
    recipe = sidecar["recipe"]
    rows = "1" if recipe.get("batch") == "one" else "N"
    inputs = [_input(rows, each) for each in recipe["inputs"]]
    scaling, column = _scaling(sidecar), "" if recipe.get("output_rank", 1) == 1 else ", 1"
    if "feature_fill" in sidecar:
        fill = "`fill` of each input" if "inputs" in sidecar else "`feature_fill`"
        scaling = f"First put the values of {fill} in place of empty cells. {scaling}"
    low, high = sidecar["recipe"]["target_range"]
    name, sizes = _target(recipe)
    column = "".join(f", {size}" for size in sizes) or column
    shape = f"float32 `[{rows}{column}]`"
    output = f"- output {code(sidecar['output_name'])} {shape}: {code(name)}, nominally {low:g} to {high:g}"
    asking = f"\n\n{_asking(sidecar)}" if layout_of(sidecar) >= LAYOUT else ""
    return "\n".join((*inputs, output)) + f"\n\n{scaling}{_trying(sidecar)}{asking}"


def _asking(sidecar: Sidecar) -> str:
    needed = [name for each in sidecar["recipe"]["inputs"] for name in each.get("columns", ())]
    return snippet.render(sidecar["id"], needed)


def _input(rows: str, noun: InputDocument) -> str:
    if "Tensor" in noun:
        sizes = "".join(f", {size}" for size in noun["Tensor"]["shape"])
        return f"- input {code(noun['Tensor']['tensor'])} float32 `[{rows}{sizes}]`"
    names = noun["columns"]
    return f"- input {code(noun['tensor'])} float32 `[{rows}, {len(names)}]`: {', '.join(map(code, names))}"


def _target(recipe: RecipeDocument) -> tuple[str, Sequence[int]]:
    """What the model gives: its name, and the shape of it for one row; a score has none."""
    target = recipe["target"]
    return (target, ()) if isinstance(target, str) else (target["Tensor"]["tensor"], target["Tensor"]["shape"])


def _scaling(sidecar: Sidecar) -> str:
    if "feature_order" not in sidecar:
        return "It is fed as it is: nobody scales anything."
    if sidecar["onnx_has_scaler"]:
        return "The graph standardises its inputs itself: feed raw features."
    said = "The graph does not standardise: feed "
    if "inputs" not in sidecar:
        return f"{said}`(feature - feature_mean) / feature_std`, with the vectors of the sidecar, in this order."
    plain = [code(each["tensor"]) for each in sidecar["inputs"] if "mean" not in each]
    as_it_is = f"; feed {' and '.join(plain)} as it is" if plain else ""
    return f"{said}`(column - mean) / std`, with the vectors that the sidecar has under `inputs`{as_it_is}."


def _trying(sidecar: Sidecar) -> str:
    vector = next((a.get("test_vector") for a in sidecar["artifacts"] if a["path"] == sidecar["onnx"]), None)
    if vector is None:  # published before there were any
        return ""
    output = vector["outputs"][0]
    rows = output["shape"][0] if "shape" in output else len(output["values"])
    noise = " (noise that anyone can make again, see the schema of the sidecar)" * ("noise" in vector["inputs"][0])
    given = f"{len(output['values'])} of the values" if "shape" in output else "the scores"
    return (
        f"\n\nTo check the model that you loaded: the `test_vector` of {code(sidecar['onnx'])} in the sidecar has "
        f"{rows} rows as the graph is fed them{noise}, and {given} that it gives, to within {vector['tolerance']:g}."
    )


def _data(sidecar: Sidecar) -> str:
    table = sidecar["table"]
    made_by = {"teacher_model": table["teacher_model"], "extractor": table["extractor"]}
    makers = [f"{name} {markdown_words(value)}" for name, value in made_by.items() if value]
    return (
        f"Dataset {code(sidecar['training']['dataset'])}; table {code(table['file'])} "
        f"(sha256 {code(table['sha256'])}): {_rows(sidecar)}, {len(table['groups'])} groups, "
        f"{table['clips']} clips{''.join(f', {maker}' for maker in makers)}. "
        f"Target {table['target_min']:.2f} to {table['target_max']:.2f}, "
        f"mean {table['target_mean']:.2f}, std {table['target_std']:.2f}.{_corpora(table)}"
    )


def _rows(sidecar: Sidecar) -> str:
    table, asked = sidecar["table"], sidecar["recipe"].get("rows", ())
    if not asked:
        return f"{table['rows']} rows"
    words = " and ".join(f"{each['column']} {each['relation']} {each['value']!r}" for each in asked)
    return f"{table.get('rows_used', table['rows'])} of {table['rows']} rows, those where {code(words)}"


def _corpora(table: TableDocument) -> str:
    corpora = table.get("corpora", [])
    if not corpora:
        return ""
    rows = [[code(c["corpus"]), code(c["file"]), str(c["rows_used"]), code(c["sha256"])] for c in corpora]
    same = "".join(f"\n\nOne source: {', '.join(map(code, names))}." for names in table.get("same", []))
    return f"\n\n{markdown.table(['corpus', 'file', 'rows', 'sha256'], rows)}{same}"


def _training(sidecar: Sidecar) -> str:
    """What of the recipe decides the network: alternatives by the name of their class, each with its settings."""
    recipe: Mapping[str, Any] = sidecar["recipe"]
    lines = [
        f"{label}: {code(_settings(recipe[key]))}"
        for key, label in {"architecture": "network", "training": "optimiser", "ensemble": "ensemble"}.items()
        if recipe.get(key)
    ]
    main = next(a for a in sidecar["artifacts"] if a["path"] == sidecar["onnx"])
    lines += [f"parameters: {main['parameters']}"] if "parameters" in main else []
    lines += [f"folds: {code(_settings(recipe['folds']))}", f"seed: {recipe.get('seed', 0)}"]
    return "\n".join(f"- {line}" for line in lines)


def _settings(noun: Mapping[str, Any] | None) -> str:
    if not noun:
        return "the plugin's own"
    [(name, settings)] = noun.items()
    return f"{name}({', '.join(f'{key}={value}' for key, value in sorted(settings.items()))})"


def _citation(sidecar: Sidecar) -> str:
    made = markdown_words(sidecar["provenance"]["time"][:10])
    return (
        f"{markdown_words(sidecar['card']['title'])} ({code(sidecar['id'])}), release of {made}, "
        f"sha256 {code(sidecar['sha256'])}."
    )


def _files(sidecar: Sidecar) -> str:
    rows = [
        [code(a["path"]), str(a["bytes"]), f"{a['parity_max_abs']:.2e}", code(a["sha256"])]
        for a in sidecar["artifacts"]
    ]
    return markdown.table(["file", "bytes", "worst parity error", "sha256"], rows)


def _twin(sidecar: Sidecar, twin: ArtifactDocument) -> str:
    measured, (low, high) = twin.get("measured", {}), sidecar["recipe"]["target_range"]
    rows, judged = measured.get("calibration_rows"), measured.get("judged_rows", 0)
    calibrated = f", calibrated on {rows:.0f} rows of the table" if rows else ""
    names = [f"int8_{which}_difference" for which in ("mean", "worst")]
    mean, worst = (markdown.figure(measured[each] * (high - low) if each in measured else None) for each in names)
    loss, budget = sidecar.get("quant_plcc_loss"), sidecar.get("quant_accuracy_budget_plcc")
    return (
        f"{code(twin['path'])} is {code(sidecar['onnx'])} quantised, {markdown_words(str(sidecar.get('quant_mode')))}"
        f"{calibrated}. A loader that goes by `quant_mode` runs it in place of that. On {judged:.0f} rows that it was "
        f"not calibrated on, 1 - PLCC of the two is {markdown.figure(loss, 6)}, and {markdown.figure(budget)} may be "
        f"lost; they differ by {mean} on average and by {worst} at worst."
    )


def _licence(sidecar: Sidecar) -> str:
    model, data = markdown_words(sidecar["license"]), markdown_words(sidecar["dataset_license"])
    return f"Model: {model}. Training data: {data}."


_NO_COMMIT = {
    "not installed": "unknown: git was not installed",
    "no checkout": "not in a git checkout",
    "dubious ownership": "unknown: the checkout belonged to another user, and git did not read it (dubious ownership)",
    "no commit": "none: nothing was committed yet",
    "failed": "unknown: git could not tell",
}


def _commit(git: GitDocument | None) -> str:
    if git is None:
        return _NO_COMMIT["no checkout"]  # an earlier sidecar, which did not tell one reason from another
    return _NO_COMMIT[git["why"]] if "why" in git else f"{code(git['commit'])}{' (dirty)' if git['dirty'] else ''}"


def _provenance(sidecar: Sidecar) -> str:
    made = sidecar["provenance"]
    commit = _commit(made["git"])
    packages = ", ".join(f"{package} {version}" for package, version in made["packages"].items())
    plugin = sidecar["plugin"]
    recipe = markdown.recipe_of_before(sidecar) if layout_of(sidecar) >= LAYOUT else ""
    lines = {
        "made": markdown_words(made["time"]),
        "by": code(made["command"]),
        "because": markdown_words(made["reason"] or "no reason was given"),
        "decision": markdown_words(sidecar["decision"]),
        "recipe": code(sidecar["recipe_fingerprint"]) + recipe,
        "plugin": markdown_words(f"{plugin['distribution']} {plugin['version']}"),
        "commit": commit,
        "seeds": ", ".join(map(str, made["seeds"])),
        "with": markdown_words(f"Python {made['python']}, {packages}"),
    }
    return "\n".join(f"- {label}: {text}" for label, text in lines.items())
