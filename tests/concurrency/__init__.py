"""Tests with real connections, each with a broken twin that it must catch."""
