"""Checks and loads models from Hugging Face folders."""
