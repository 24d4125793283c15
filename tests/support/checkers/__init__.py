"""What must hold afterwards."""
