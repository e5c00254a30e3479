"""The registry as pages for people: a static catalogue that needs no server and no network."""
