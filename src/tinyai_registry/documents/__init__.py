"""How things are written: strict JSON, the schemas, the sidecar, the row, the card and the note."""
