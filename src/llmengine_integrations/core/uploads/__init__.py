"""The bodies of uploads."""
