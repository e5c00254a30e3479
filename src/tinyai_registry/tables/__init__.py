"""From libvmaf's logs to a corpus: build a table, combine several, check one, tell two apart."""
