"""Batch jobs at work: from content to rows, from rows to results, from results to the output file."""
