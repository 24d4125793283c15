"""Consumers, parking and the relay."""
