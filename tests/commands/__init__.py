"""The commands, as processes on real servers."""
