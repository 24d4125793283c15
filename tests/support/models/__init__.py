"""What a store should be: models, read models, histories, trees."""
