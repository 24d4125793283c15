"""The speed lab: Evident beside plain SQL, and beside others, in one run."""
