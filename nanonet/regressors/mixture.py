"""Gaussian process of mixtures: a mixture is its parts by their shares, plus what mixing adds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from nanonet.arrays import FloatArray
from nanonet.errors import ConfigError, InputError, MissingDependencyError, NotFittedError
from nanonet.mixtures import Mixtures
from nanonet.parts import load_arrays, load_config, save_arrays
from nanonet.regressors.base import Groups, query_array, training_arrays

#: What is stored; the factor of the covariance is larger than all of it, and is worked out again.
_ARRAYS = ("parts", "codes", "weight", "mixed", "theta", "mean", "scale", "centre", "width")
#: Ranges of the natural logarithm of amplitudes, lengths and noise in the maximisation.
_BOUNDS = ((-6.0, 8.0), (-4.0, 6.0), (-8.0, 2.0))
#: The likelihood is flat at its maximum; further digits of it change no prediction.
_STEPS = {"maxiter": 40, "ftol": 1e-6}


class MixtureProcess:
    """y = w g(a) + (1 - w) g(b) + o [a != b] + e, with a Gaussian process g of the parts.

    A row of x is (w, a, b): the share of part a, then the features of both parts, so that it has 1 + 2 p
    columns; a pure substance is mixed with itself. g has the kernel sum_k A_k m(r_k / l_k) over blocks of
    the features, m(r) = (1 + sqrt(3) r) exp(-sqrt(3) r) (Matern 3/2), r_k the Euclidean distance within
    block k, whose features are divided by their root mean square deviation, all by the same number where
    ``scaled`` says so. o ~ N(0, deviation^2) is one offset of all mixtures, e white noise, of one variance
    for pure substances and of another one for mixtures. A_k, l_k and these variances maximise the marginal
    likelihood of the standardised codes; where training has only one kind, both have the same. So what is known of pure
    substances is smoothed by their structure (their recorded values have noise of their own), and
    passes to mixtures in the proportion of the shares.

    Members are mean -/+ the predictive standard deviation, noise included. Each code has a process of
    its own.

    Args:
        cuts: columns of a part at which a new block begins; no cut is one block.
        scaled: for each block, whether each of its features is divided by its own deviation (numbers of
            different units) or all by one (counts, bits).
        deviation: prior standard deviation of the offset, in standard deviations of the codes.

    Raises:
        ConfigError: cuts that do not rise, or another number of words than of blocks.
    """

    memorises: ClassVar[float] = 0.7

    def __init__(self, cuts: Sequence[int] = (), scaled: Sequence[bool] | None = None, deviation: float = 0.3) -> None:
        self.cuts = [int(cut) for cut in cuts]
        self.scaled = [False] * (len(self.cuts) + 1) if scaled is None else [bool(value) for value in scaled]
        if sorted(set(self.cuts)) != self.cuts or min([1, *self.cuts]) < 1 or len(self.scaled) != len(self.cuts) + 1:
            raise ConfigError(
                f"cuts must rise from at least 1, and scaled say one thing for each block between them, "
                f"got {cuts!r} and {scaled!r}"
            )
        if not deviation >= 0:
            raise ConfigError(f"deviation must be at least 0, got {deviation!r}")
        self.deviation = float(deviation)
        self._state: dict[str, FloatArray] | None = None

    def fit(self, x: FloatArray, codes: FloatArray, groups: Groups = None) -> Self:
        """Maximise the marginal likelihood of each code.

        Raises:
            InputError: an even number of columns, or fewer than the cuts ask for.
        """
        x, codes = training_arrays(x, codes)
        width = (x.shape[1] - 1) // 2
        if x.shape[1] % 2 == 0 or width <= max([0, *self.cuts]):
            raise InputError(
                f"features of mixtures have 1 + 2 p columns (share, part, part) with p above {max([0, *self.cuts])}, "
                f"got {x.shape[1]}"
            )
        parts, weight, mixed = _parts(x)
        centre, scale_of = parts.mean(axis=0), self._widths(parts)
        blocks = [_distances(block, block) for block in self._blocks((parts - centre) / scale_of)]
        mean, scale = codes.mean(axis=0), codes.std(axis=0)
        scale = np.where(scale > 0, scale, 1.0)
        columns: dict[str, list[FloatArray]] = {"alpha": [], "factor": [], "theta": []}
        for output in range(codes.shape[1]):
            y = (codes[:, output] - mean[output]) / scale[output]
            theta = self._maximise(blocks, weight, mixed, y)
            factor, alpha = self._solve(self._covariance(blocks, weight, mixed, theta), y)
            for name, value in (("alpha", alpha), ("factor", factor), ("theta", theta)):
                columns[name].append(value)
        self._state = {
            **{name: np.array(values) for name, values in columns.items()},
            "parts": parts,
            "codes": codes,
            "weight": weight,
            "mixed": mixed,
            "mean": mean,
            "scale": scale,
            "centre": centre,
            "width": scale_of,
        }
        return self

    def _widths(self, parts: FloatArray) -> FloatArray:
        """What each feature is divided by: its own deviation, or that of its block."""
        made = []
        for block, own in zip(self._blocks(parts), self.scaled, strict=True):
            deviation = block.std(axis=0)
            together = np.full_like(deviation, np.sqrt((deviation**2).sum()) or 1.0)
            # So that typical distances are near 1 in either case.
            apart = np.where(deviation > 0, deviation, 1.0) * np.sqrt(len(deviation))
            made.append(apart if own else together)
        return np.concatenate(made)

    def _blocks(self, parts: FloatArray) -> list[FloatArray]:
        return np.split(parts, self.cuts, axis=1)

    def _covariance(
        self, blocks: Sequence[FloatArray], weight: Any, mixed: FloatArray, theta: FloatArray
    ) -> FloatArray:
        return self._observed(_summed(theta, blocks), weight, mixed, theta)

    def _observed(self, kernel: FloatArray, weight: Any, mixed: FloatArray, theta: FloatArray) -> FloatArray:
        """Covariance of the records, from that of g of the parts."""
        # Twice from the left, so that weights may be sparse; the kernel is symmetric.
        covariance = weight @ (weight @ kernel).T + self.deviation**2 * np.outer(mixed, mixed)
        covariance[np.diag_indices_from(covariance)] += _noise(theta, mixed)
        return np.asarray(covariance)

    @staticmethod
    def _solve(covariance: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        from scipy.linalg import solve_triangular

        factor = np.linalg.cholesky(covariance)
        alpha = solve_triangular(factor, solve_triangular(factor, y, lower=True), lower=True, trans=1)
        return factor, alpha

    def _maximise(
        self, blocks: Sequence[FloatArray], weight: FloatArray, mixed: FloatArray, y: FloatArray
    ) -> FloatArray:
        """Logarithms of (A_1, l_1, ..., A_K, l_K, noise, noise of mixtures) that maximise the marginal likelihood."""
        try:
            from scipy.linalg.lapack import dpotri
            from scipy.optimize import minimize
            from scipy.sparse import csr_array
        except ImportError as error:
            raise MissingDependencyError(
                "fitting a Gaussian process needs SciPy, which is not installed: pip install 'nanonet[train]'"
            ) from error

        # At most two parts in a row.
        sparse = csr_array(weight)

        def loss(theta: FloatArray) -> tuple[float, FloatArray]:
            scaled = [r * (np.sqrt(3.0) / np.exp(theta[2 * k + 1])) for k, r in enumerate(blocks)]
            decay = [np.exp(theta[2 * k]) * np.exp(-s) for k, s in enumerate(scaled)]
            kernels = [e * (1.0 + s) for e, s in zip(decay, scaled, strict=True)]
            try:
                factor, alpha = self._solve(self._observed(np.sum(kernels, axis=0), sparse, mixed, theta), y)
            except np.linalg.LinAlgError:
                return 1e10, np.zeros_like(theta)
            value = 0.5 * y @ alpha + np.log(np.diag(factor)).sum()
            # K^-1 = H + H^T, H its lower triangle with half of the diagonal: a third of the work of solving.
            half, _ = dpotri(factor, lower=1)
            diagonal = np.diag_indices_from(half)
            on_noise = 0.5 * (half[diagonal] - alpha**2) * _noise(theta, mixed)
            half[diagonal] *= 0.5
            # d loss / d theta = sum_ij (K^-1 - alpha alpha^T)_ij (d K / d theta)_ij / 2, brought down to the parts.
            on_parts, alpha_on_parts = sparse.T @ (sparse.T @ half.T).T, sparse.T @ alpha
            by = [slope for own, e, s in zip(kernels, decay, scaled, strict=True) for slope in (own, e * s**2)]
            gradient = [float(np.vdot(on_parts, own) - 0.5 * alpha_on_parts @ own @ alpha_on_parts) for own in by]
            return float(value), np.array([*gradient, on_noise[mixed == 0].sum(), on_noise[mixed > 0].sum()])

        start = [*([np.log(1.0 / len(blocks)), 0.5] * len(blocks)), np.log(0.1), np.log(0.1)]
        bounds = [*([_BOUNDS[0], _BOUNDS[1]] * len(blocks)), _BOUNDS[2], _BOUNDS[2]]
        found = minimize(loss, np.array(start), jac=True, method="L-BFGS-B", bounds=bounds, options=_STEPS)
        theta = np.array(found.x)
        if mixed.all() or not mixed.any():
            theta[-2:] = theta[-1] if mixed.all() else theta[-2]
        return theta

    def members(self, x: FloatArray) -> FloatArray:
        """Mean minus and plus the predictive standard deviation, shape (2, n, d)."""
        return self.members_of_mixtures(self._asked(x))

    def predict(self, x: FloatArray) -> FloatArray:
        """Mean, shape (n, d)."""
        return self.predict_mixtures(self._asked(x))

    def _asked(self, x: FloatArray) -> Mixtures:
        width = None if self._state is None else 1 + 2 * self._state["parts"].shape[1]
        return Mixtures.of_rows(query_array(x, width, "the mixture process"))

    def predict_mixtures(self, mixtures: Mixtures) -> FloatArray:
        """Mean, shape (n, d): that of g at every part once, and the offset."""
        state = self._known(mixtures)
        _, across, _ = self._kernels(mixtures, state, within=False)
        made = []
        for output, alpha in enumerate(state["alpha"]):
            of_part = across[output] @ (state["weight"].T @ alpha)
            offset = self.deviation**2 * float(state["mixed"] @ alpha)
            made.append(_combined(mixtures, of_part) + offset * mixtures.mixed)
        return np.stack(made, axis=1) * state["scale"] + state["mean"]

    def members_of_mixtures(self, mixtures: Mixtures) -> FloatArray:
        """Mean minus and plus the predictive standard deviation, shape (2, n, d).

        With c = w c_a + (1 - w) c_b + o the covariance with the records, |L^-1 c|^2 is made of products
        of L^-1 c_a over the parts: nothing of the size of records times mixtures is needed.
        """
        state = self._known(mixtures)
        theta, across, within = self._kernels(mixtures, state, within=True)
        mean, std = self.predict_mixtures(mixtures), np.empty((len(mixtures), len(theta)))
        for output, factor in enumerate(state["factor"]):
            own = np.concatenate(
                [state["weight"] @ across[output].T, self.deviation**2 * state["mixed"][:, None]], axis=1
            )
            solved = np.linalg.solve(factor, own)
            explained = solved.T @ solved
            products, offsets, constant = explained[:-1, :-1], explained[:-1, -1], explained[-1, -1]
            mixed = mixtures.mixed
            prior = _combined_twice(mixtures, within[output]) + self.deviation**2 * mixed
            known = _combined_twice(mixtures, products) + mixed * (2.0 * _combined(mixtures, offsets) + constant)
            std[:, output] = np.sqrt(np.maximum(prior - known, 0.0) + _noise(theta[output], mixed))
        std = std * state["scale"]
        return np.stack([mean - std, mean + std])

    def _known(self, mixtures: Mixtures) -> dict[str, FloatArray]:
        if self._state is None:
            raise NotFittedError("the mixture process has no data; call fit() first")
        if mixtures.parts.shape[1] != self._state["parts"].shape[1]:
            raise InputError(
                f"the mixture process learned from parts of {self._state['parts'].shape[1]} numbers, "
                f"got {mixtures.parts.shape[1]}"
            )
        return self._state

    def _kernels(
        self, mixtures: Mixtures, state: dict[str, FloatArray], *, within: bool
    ) -> tuple[FloatArray, list[FloatArray], list[FloatArray]]:
        """Parameters of each code; covariances of g of the parts with the known parts, and among themselves."""
        new = self._blocks((mixtures.parts - state["centre"]) / state["width"])
        old = self._blocks((state["parts"] - state["centre"]) / state["width"])
        far = [_distances(a, b) for a, b in zip(new, old, strict=True)]
        near = [_distances(a, a) for a in new] if within else []
        theta = state["theta"]
        return theta, [_summed(own, far) for own in theta], [_summed(own, near) for own in theta] if within else []

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {"cuts": self.cuts, "scaled": self.scaled, "deviation": self.deviation}

    def save(self, folder: Path) -> None:
        """Write data and hyperparameters."""
        if self._state is None:
            raise NotFittedError("the mixture process must be fitted before it is saved")
        save_arrays(folder / "mixture.npz", **{name: self._state[name] for name in _ARRAYS})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read data and hyperparameters."""
        made = cls(**load_config(folder))
        state = load_arrays(folder / "mixture.npz", *_ARRAYS)
        blocks = [
            _distances(block, block) for block in made._blocks((state["parts"] - state["centre"]) / state["width"])
        ]
        alphas, factors = [], []
        for output, theta in enumerate(state["theta"]):
            y = (state["codes"][:, output] - state["mean"][output]) / state["scale"][output]
            factor = np.linalg.cholesky(made._covariance(blocks, state["weight"], state["mixed"], theta))
            alphas.append(np.linalg.solve(factor.T, np.linalg.solve(factor, y)))
            factors.append(factor)
        made._state = {**state, "alpha": np.array(alphas), "factor": np.array(factors)}
        return made


def _parts(x: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Different parts (u, p), share of each in each row (n, u), and whether a row mixes two (n,), 0 or 1."""
    found = Mixtures.of_rows(x)
    row = np.arange(len(found))
    weight = np.zeros((len(found), len(found.parts)))
    np.add.at(weight, (row, found.first), found.share)
    np.add.at(weight, (row, found.second), 1.0 - found.share)
    return found.parts, weight, found.mixed


def _noise(theta: FloatArray, mixed: FloatArray) -> FloatArray:
    """Variance of the noise of each row, the last parameter where it mixes two parts, else the one before."""
    return np.exp(np.where(mixed > 0, theta[-1], theta[-2]))


def _summed(theta: FloatArray, distances: Sequence[FloatArray]) -> FloatArray:
    """Covariance of g: sum_k A_k m(r_k / l_k)."""
    made = [np.exp(theta[2 * k]) * _matern(r / np.exp(theta[2 * k + 1])) for k, r in enumerate(distances)]
    return np.asarray(sum(made))


def _combined(mixtures: Mixtures, values: FloatArray) -> FloatArray:
    """Mean w v_a + (1 - w) v_b of values (u,) of the parts."""
    return mixtures.share * values[mixtures.first] + (1.0 - mixtures.share) * values[mixtures.second]


def _combined_twice(mixtures: Mixtures, products: FloatArray) -> FloatArray:
    """w^2 M_aa + 2 w (1 - w) M_ab + (1 - w)^2 M_bb of a symmetric matrix (u, u) of the parts."""
    w, a, b = mixtures.share, mixtures.first, mixtures.second
    return w**2 * products[a, a] + 2.0 * w * (1.0 - w) * products[a, b] + (1.0 - w) ** 2 * products[b, b]


def _distances(a: FloatArray, b: FloatArray) -> FloatArray:
    squared = (a**2).sum(axis=1)[:, None] - 2.0 * a @ b.T + (b**2).sum(axis=1)
    return np.sqrt(np.maximum(squared, 0.0))


def _matern(r: FloatArray) -> FloatArray:
    s = np.sqrt(3.0) * r
    return (1.0 + s) * np.exp(-s)
