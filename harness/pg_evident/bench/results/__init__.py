"""What becomes of figures: documents, budgets, plots."""
