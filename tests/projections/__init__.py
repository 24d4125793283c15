"""Read models: folds, triggers, runs, rebuilds."""
