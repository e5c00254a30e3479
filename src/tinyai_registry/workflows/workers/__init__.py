"""One seam for many machines: who does work that comes in parts."""
