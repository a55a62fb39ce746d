"""Integral-equation theory (PRISM) of the bead-spring model, where pyPRISM is installed."""

from __future__ import annotations

import logging
import math
import time
import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nanonet.arrays import FloatArray
from nanonet.data.table import Table
from nanonet.domain.rdf import standard_grid
from nanonet.errors import ConfigError, InputError, MissingDependencyError, NotFittedError
from nanonet.units import MELT_DENSITY, MONOMER_DIAMETER

log = logging.getLogger(__name__)
#: Bond length of the Kremer-Grest chain [sigma].
BOND = 0.97
#: Grid of the theory: bins of 0.1 sigma, as in the RDFs, far enough that all correlations end.
STEP, LENGTH = 0.1, 1024


class Prism:
    """NP-NP g(r) of polymer chains and spheres by the PRISM equations; nothing is learned.

    Freely jointed chains of N beads with bonds of 0.97 sigma between beads that are hard spheres
    of diameter 1 (the melt's own attraction is left out: with it the equations rarely have a
    solution that is found); the NP-NP and polymer-NP Lennard-Jones potentials of the model;
    Percus-Yevick closures except hypernetted chain between NPs. The monomers fill what the NPs
    leave, at the melt's density. g is taken at the bins' centres.

    A composition for which the solver does not converge in time, or with an unphysical result,
    has no prediction (NaN); the harness counts them.

    Args:
        iterations: of the Newton-Krylov solver.
        seconds: after which a composition is given up.

    Raises:
        ConfigError: a number is not positive.
    """

    def __init__(self, iterations: int = 60, seconds: float = 10.0) -> None:
        if iterations < 1 or not seconds > 0:
            raise ConfigError(f"iterations and seconds must be positive, got {iterations!r} and {seconds!r}")
        self.iterations, self.seconds = int(iterations), float(seconds)
        self._theory: Any = None

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {"iterations": self.iterations, "seconds": self.seconds}

    def fit(self, inputs: Table, targets: ArrayLike, groups: NDArray[np.str_] | None = None) -> Self:
        """Look for pyPRISM; the records are not used.

        Raises:
            MissingDependencyError: pyPRISM is not installed or does not work here.
            InputError: targets are not RDFs on the standard grid.
        """
        del inputs, groups
        if np.ndim(targets) != 2 or np.shape(targets)[1] != standard_grid().size:
            raise InputError(f"PRISM predicts RDFs on the {standard_grid().size} bins, got shape {np.shape(targets)}")
        with warnings.catch_warnings():
            # It warns about an extension for trajectories, which is not used here.
            warnings.simplefilter("ignore")
            try:
                import pyPRISM
            except Exception as error:
                # The package is old; with new versions of its own dependencies it fails in many ways.
                raise MissingDependencyError(
                    f"the PRISM baseline needs pyPRISM, which cannot be imported here ({error}); it is on conda-forge"
                ) from error
        self._theory = pyPRISM
        return self

    def predict_with_spread(self, inputs: Table) -> tuple[FloatArray, FloatArray]:
        """RDFs, shape (n, 100), NaN rows where there is no solution; and a spread of 0.

        Raises:
            NotFittedError: before :meth:`fit`.
        """
        if self._theory is None:
            raise NotFittedError("PRISM was used before fit(), which looks for pyPRISM")
        g = np.array([self._solve(**row) for row in inputs.rows()])
        log.info("PRISM converged for %d of %d compositions", np.isfinite(g).all(axis=1).sum(), len(g))
        return g, np.zeros(len(g))

    def _solve(self, D: float, N: float, rho: float, eps_np_np: float, eps_p_np: float) -> FloatArray:
        nothing: FloatArray = np.full(standard_grid().size, np.nan)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            prism = self._system(D, int(N), rho, eps_np_np, eps_p_np).createPRISM()
            start, cost = time.monotonic(), prism.cost

            # Versions differ in what they give beside the unknowns.
            def limited(*given: FloatArray) -> FloatArray:
                if time.monotonic() - start > self.seconds:
                    raise TimeoutError
                return cost(*given)

            prism.cost = limited
            try:
                found = prism.solve(options={"disp": False, "maxiter": self.iterations})
            except (TimeoutError, ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
                # The solver diverged, or ran out of time: no solution.
                log.debug("PRISM has no solution: %r", error)
                return nothing
            if not found.success:
                return nothing
            g = self._theory.calculate.pair_correlation(prism)["particle", "particle"]
            r = prism.sys.domain.r
        own = np.interp(standard_grid(), r, g)
        return np.maximum(own, 0.0) if np.isfinite(own).all() and own.min() > -0.1 else nothing

    def _system(self, D: float, N: int, rho: float, eps_np_np: float, eps_p_np: float) -> Any:
        theory = self._theory
        system = theory.System(["particle", "polymer"], kT=1.0)
        system.domain = theory.Domain(dr=STEP, length=LENGTH)
        system.density["polymer"] = MELT_DENSITY * (1.0 - math.pi / 6.0 * rho * D**3)
        system.density["particle"] = rho
        system.diameter["polymer"], system.diameter["particle"] = MONOMER_DIAMETER, D
        system.omega["polymer", "polymer"] = theory.omega.FreelyJointedChain(length=N, l=BOND)
        system.omega["polymer", "particle"] = theory.omega.InterMolecular()
        system.omega["particle", "particle"] = theory.omega.SingleSite()
        contact = (D + MONOMER_DIAMETER) / 2.0
        system.potential["polymer", "polymer"] = theory.potential.HardSphere(sigma=MONOMER_DIAMETER)
        for pair, size, depth in (
            (("polymer", "particle"), contact, eps_p_np),
            (("particle", "particle"), D, eps_np_np),
        ):
            system.potential[pair] = theory.potential.LennardJones(
                epsilon=depth, sigma=size, rcut=2.5 * size, shift=True
            )
        system.closure["polymer", "polymer"] = theory.closure.PercusYevick()
        system.closure["polymer", "particle"] = theory.closure.PercusYevick()
        system.closure["particle", "particle"] = theory.closure.HyperNettedChain()
        return system
