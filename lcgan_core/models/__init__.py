"""The latent models that ship with lcgan: the code of each kind, and trained ones as data beside it."""
