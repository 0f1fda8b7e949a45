"""Helpers that every part of lcgan may use; they know nothing of the method."""
