"""Hugging Face models in torch: continuous batching, LoRA adapters, guided decoding."""
