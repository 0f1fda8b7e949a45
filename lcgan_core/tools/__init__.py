"""What is done with models and finished runs: edit, compare, check, label."""
