"""Tools for models and finished runs: edit, compare, check, label."""
