"""How a target is written for learning, and read back: images, latents, plain transforms."""
