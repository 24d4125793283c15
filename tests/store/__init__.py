"""Append, read, feed and guards, one session and many."""
