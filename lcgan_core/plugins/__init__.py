"""Constraints and latent models of other distributions: how to find, list and start them."""
