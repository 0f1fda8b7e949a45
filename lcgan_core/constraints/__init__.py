"""The constraints that core brings, and what is kept of their values."""
