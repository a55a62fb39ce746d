"""Lennard-Jones reduced units of the bead-spring model, and the names of its columns.

The monomer fixes them: length sigma = d = 1 (monomer diameter), energy epsilon = 1, mass
m = 1, so that the time unit is tau = sigma sqrt(m / epsilon) and k_B = 1.
"""

from __future__ import annotations

#: Diameter d of a monomer [sigma].
MONOMER_DIAMETER = 1.0
#: Position of the Lennard-Jones minimum in units of its diameter, 2^(1/6).
LJ_MINIMUM = 2.0 ** (1.0 / 6.0)
#: Monomer number density at which the Kremer-Grest melt with attractive (2.5 sigma)
#: Lennard-Jones monomers settles at T* = P* = 1 [sigma^-3]; our measurement.
MELT_DENSITY = 0.92

#: Reduced temperature and pressure of the model [epsilon / k_B, epsilon / sigma^3].
TEMPERATURE = 1.0
PRESSURE = 1.0

#: Grid of the NP-NP radial distribution function: 100 bins of 0.1 sigma from 0 to 10 sigma.
R_MAX = 10.0
N_BINS = 100

#: Unit of each labelled quantity, as written into data sets.
UNITS = {
    "D": "sigma",
    "N": "1",
    "rho": "sigma^-3",
    "eps_np_np": "epsilon",
    "eps_p_np": "epsilon",
    "phi": "1",
    "r": "sigma",
    "g": "1",
    "density": "sigma^-3",
    "energy": "epsilon",
    "temperature": "epsilon/k_B",
    "pressure": "epsilon/sigma^3",
    "time": "tau",
}
