"""Workloads, checkers and broken twins of the model and concurrency tests."""
