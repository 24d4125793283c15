"""What commands that work in steps share: limits, pauses, a connection that lasts."""
