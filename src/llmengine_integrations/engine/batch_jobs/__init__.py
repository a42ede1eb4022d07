"""Runs batch jobs: reads rows from the content, makes a result of each, and writes the results to the output file."""
