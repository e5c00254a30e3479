"""How long the fuzzing goes on: seconds in every run of the tests, tens of thousands of examples in ``make fuzz``."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("nightly", max_examples=9000)
