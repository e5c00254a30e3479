"""The commands of ``tinyai``, each in the module that is named after it: a click command called ``command``."""
