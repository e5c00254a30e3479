"""What can be wrong with a model that is loaded and run. Only the rules: whoever runs one needs the lab."""

from __future__ import annotations

from tinyai_registry.checks.finding import Rule, Severity

NOT_LOADED = Rule(
    "TAI901",
    "not-loaded",
    Severity.ERROR,
    "onnxruntime does not load the model",
    "Digests that match and a graph that looks right are worth nothing to a caller whose runtime refuses the file.",
    "Publish the model again: `tinyai refresh` loads what it publishes, with its weights inside. If another build of "
    "onnxruntime loads the file, it needs an operator that this one lacks.",
)
OTHER_NUMBERS = Rule(
    "TAI902",
    "wrong-numbers",
    Severity.ERROR,
    "the model does not give the numbers it was published with",
    "The test vector in the sidecar holds rows and what the published file gave for them. A file that gives something "
    "else is another file, or is run by a runtime that computes otherwise; every score it gives is in doubt.",
    "If the digest differs too, restore the file (`tinyai rollback`, or from version control). If it does not, look at "
    "the version of onnxruntime, and at who edited the sidecar.",
)
NO_VECTOR = Rule(
    "TAI903",
    "no-test-vector",
    Severity.INFO,
    "there is no test vector to hold the model against",
    "The model was run on random numbers alone, which are not what it was made for: that it runs on them, or does not, "
    "or gives no number, says nothing about whether it is right.",
    "Refresh the model: every release has test vectors.",
)
NO_NUMBERS = Rule(
    "TAI904",
    "not-finite",
    Severity.ERROR,
    "what the model gives for its test vector is no number",
    "A NaN or an infinite score passes through means and comparisons unseen and spoils what is computed from it.",
    "Look for weights that are not finite, and for a Log, Div or Sqrt of what may be zero or negative.",
)
NOT_SURVIVED = Rule(
    "TAI905",
    "too-slow",
    Severity.ERROR,
    "the model takes too long, or takes onnxruntime down with it",
    "A graph can loop without end, ask for more memory than there is, or meet a fault of the runtime. Each model is "
    "run in a process apart, so the other models were looked at nonetheless.",
    "Do not load the model anywhere else before you know where it comes from. Look for Loop nodes and giant shapes.",
)
UNSTEADY = Rule(
    "TAI906",
    "unsteady",
    Severity.ERROR,
    "the model gives other numbers the second time",
    "Run twice on the same input, it gives two answers: it throws dice, as a Dropout in training mode does, or keeps "
    "something from one run to the next. No score of it can be trusted, or made again.",
    "Export the model in inference mode, without random operators.",
)
NOT_TRIED = Rule(
    "TAI907",
    "not-tried",
    Severity.WARNING,
    "the model was not tried, because an earlier check stopped it",
    "The file cannot be read within bounds, or its weights lie in a file that no digest covers: what nobody vouches "
    "for is not run. Whether onnxruntime loads it is not known.",
    "Mend what the other findings about the file say, and try again.",
)
