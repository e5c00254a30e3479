"""Whom a reader has to trust, and for what: made again, signed, attested, and nothing taken back."""
