"""Where releases are kept: reading the registry folder, and publishing into it."""
