"""The command line: one small module for each command, loaded when that command is called."""
