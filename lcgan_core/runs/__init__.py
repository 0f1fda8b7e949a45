"""A run from its configuration to its folder, its report, and back."""
