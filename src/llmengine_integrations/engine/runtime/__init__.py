"""What generates text. Each runtime is a folder of its own."""
