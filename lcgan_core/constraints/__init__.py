"""The constraints that ship with core, and the cache of their scores."""
