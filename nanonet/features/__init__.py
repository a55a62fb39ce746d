"""Features: from the inputs of a problem to numbers that a regressor understands."""

from nanonet.features.base import Features

__all__ = ["Features"]
