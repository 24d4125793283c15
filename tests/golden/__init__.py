"""Events whose leaves are known for ever, and the files that say so.

`events.ndjson` is what an export of them must be, `leaves.txt` has the bytes and hashes
of their leaves and the root. They change with a new version of the format only.
"""
