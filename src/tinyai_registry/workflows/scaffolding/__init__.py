"""What is written for somebody to change: a plugin, a project, a workflow for CI."""
