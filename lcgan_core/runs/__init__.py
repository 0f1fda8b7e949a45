"""Runs: from configuration to run folder and report, and reading a finished run back."""
