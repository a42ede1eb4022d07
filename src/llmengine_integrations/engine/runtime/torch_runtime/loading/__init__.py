"""From a Hugging Face folder to a model that is checked and loaded."""
