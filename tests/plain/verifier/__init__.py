"""The offline verifier, without a server."""
