"""The runtimes, which generate text. Each has its own folder."""
