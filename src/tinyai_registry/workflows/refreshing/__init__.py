"""The parts of a refresh: where it starts, the attempt that takes the time, what becomes of it."""
