"""`evident check`: rules over migrations and sources, without a server."""
