"""The contract of regressors that know how unsure they can be at most."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Bounded(Protocol):
    """A regressor whose mean is much cheaper than its spread.

    Whoever ranks many candidates asks for all means first, and for the spread only of those that
    can still be among the best: with a spread of at most ``largest_spread``.
    """

    def largest_spread(self) -> float:
        """No x has a larger sqrt(mean over codes of the members' variance), as in :class:`nanonet.band.Band`.

        Infinite where there is no bound.

        Raises:
            NotFittedError: before fitting.
        """
