"""What a contributor does to sources and migrations; needs a clone."""
