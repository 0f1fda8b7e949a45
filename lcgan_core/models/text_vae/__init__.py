"""The text VAE: texts to latents and back."""
