"""Where it is measured: a server, schemas, payloads, read models."""
