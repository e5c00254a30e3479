"""What can be wrong with a change of a registry: history was taken back, or something goes past it."""

from __future__ import annotations

from tinyai_registry.checks.finding import Rule, Severity

REWRITTEN = Rule(
    "TAI621",
    "log-rewritten",
    Severity.ERROR,
    "an entry of the log that the base has is gone or another",
    "Against the base a log only grows. Whoever removes or rewrites its last entries, and the tip with them, leaves a "
    "log that agrees with itself; only the base tells that there was another.",
    "Restore the entries from the base. To go back to an earlier release, `tinyai rollback` adds an entry.",
)
TIP_BACK = Rule(
    "TAI622",
    "tip-went-back",
    Severity.ERROR,
    "the tip of a log went back, or is gone",
    "`tip.json` names the last entry, so that its removal is found. One that names an earlier entry than the base has "
    "hides what happened since.",
    "Restore the log and its tip from the base; `tinyai recover` brings the tip up to the log.",
)
MODEL_GONE = Rule(
    "TAI623",
    "model-gone",
    Severity.ERROR,
    "a model that the base has is gone",
    "Consumers load it by its id. A release withdraws rows of its own members, in an entry of the log; no command "
    "removes a model.",
    "Restore the row and its files from the base. Where the model is to go, say so in the review: `--ignore TAI623`.",
)
TRUST_CHANGED = Rule(
    "TAI625",
    "trust-changed",
    Severity.ERROR,
    "who may sign was changed together with what is signed",
    "`[trust]` of tinyai.toml, or a key that it names, is another than in the base. Whoever brings a release must not "
    "bring the key that it is checked with.",
    "Change `[trust]` in a change of its own, that somebody with push rights reviews: `--ignore TAI625`.",
)
UNLOGGED = Rule(
    "TAI624",
    "unlogged-change",
    Severity.WARNING,
    "a model was added or changed past the log",
    "A refresh, a rollback and a migration write an entry. What came in without one was registered by hand or by "
    "another tool: it was not judged here, and no entry says who brought it.",
    "Publish it with `tinyai refresh`; or let somebody who knows where the files come from review them.",
)
