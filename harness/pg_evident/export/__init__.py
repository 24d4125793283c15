"""Exports and proofs for auditors."""
