"""The latent models that ship with lcgan: the code of each kind, with trained models as data beside it."""
