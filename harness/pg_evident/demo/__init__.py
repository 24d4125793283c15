"""`evident demo`: a tour over real orders."""
