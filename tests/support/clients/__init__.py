"""Who works on a store: writers, readers, workers, killers."""
