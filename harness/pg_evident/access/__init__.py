"""Whose objects a command reads, which role a login lacks, what a session is set to."""
