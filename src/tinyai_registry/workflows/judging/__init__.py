"""Judging a recipe on a table: folds and protocols, what is held out, and who computes it."""
