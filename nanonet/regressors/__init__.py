"""Regressors: from features to the codes of a representation, with an ensemble for the spread."""

from nanonet.regressors.base import Regressor

__all__ = ["Regressor"]
