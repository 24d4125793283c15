"""Events out of files: NDJSON, and orders as CSV."""
