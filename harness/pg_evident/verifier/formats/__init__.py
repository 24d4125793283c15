"""The bytes of the ledger: notes, hashes, tiles, entries, events, times."""
