"""Batch jobs: requests, input files and results."""
