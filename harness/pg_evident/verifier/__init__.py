"""The offline verifier: judges an export without the database or any of its code.

It needs Python and `cryptography`, nothing else of this project: a copy of this folder
runs as `python -m verifier`. The formats are those of docs/ledger-spec.md.
"""
