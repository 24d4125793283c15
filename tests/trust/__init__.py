"""The trust laboratory: what is promised, the checks behind it, and their report."""
