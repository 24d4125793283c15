"""Migrations through yoyo: apply, roll back, marks, status."""
