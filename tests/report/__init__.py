"""The promises, what the tests show of them, and the report."""
