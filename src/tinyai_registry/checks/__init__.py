"""What can be wrong with a release, one module for each family of findings. Runs in the light installation."""
