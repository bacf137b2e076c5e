"""What became of a message: sent, delivered, read, attended by somebody."""
