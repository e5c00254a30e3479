"""What a command says of a registry that has nothing to show yet: what comes next."""

from __future__ import annotations

NO_MODELS = "no models; `tinyai import` takes in one that you have, `tinyai refresh` makes one that a plugin declares"
NO_HISTORY = "the log is empty; it begins with the first `tinyai refresh`, `import` or `migrate`"
