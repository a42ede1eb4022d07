"""Batches and concurrent calls."""
