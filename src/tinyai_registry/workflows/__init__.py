"""The stories, one module each, read top to bottom: refresh, evaluate, validate, migrate and the others."""
