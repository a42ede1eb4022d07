"""Runs Hugging Face models in torch, with continuous batching, LoRA adapters and guided decoding."""
