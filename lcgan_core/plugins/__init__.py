"""Constraints and latent models of other distributions: found, listed, and begun."""
