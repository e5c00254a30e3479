"""The commands of ``tinyai table``, a module for each."""
