"""The other systems that are measured beside it."""
