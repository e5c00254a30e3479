"""Hook specs, discovery, blame, and the built-in plugin: how models come in from other distributions."""
