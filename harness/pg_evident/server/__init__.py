"""PostgreSQL servers on this machine: one that is kept, and temporary ones."""
