"""What any room may use, and what knows nothing of the method."""
