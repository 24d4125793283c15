"""Sealing, keys and publishing of checkpoints."""
