"""The parts of a migration: what is mended, and what lies about."""
