"""Clients, checkers, models, servers and broken twins of the tests."""
