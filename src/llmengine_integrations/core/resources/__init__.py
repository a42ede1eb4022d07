"""One module per resource: each builds operations, and does nothing else."""
