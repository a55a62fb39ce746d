"""Metrics: how far a prediction is from the truth, each with a unit and a definition."""

from nanonet.metrics.base import Metric

__all__ = ["Metric"]
