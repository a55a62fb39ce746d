"""Is the run a sample of equilibrium, and is it long enough? Figures first, then a verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from nanonet.arrays import FloatArray
from nanonet.errors import InputError
from simulations.analysis.correlation import halves_variance, mean_variance, slope_score
from simulations.analysis.rdf import block_mean, standard_error
from simulations.analysis.transient import transient

Verdict = Literal["passed", "short", "failed"]

#: How a verdict begins that a run from the opposite start has caused.
DIFFERS = "differs from the run of the opposite start"
#: Largest drift over the run [standard errors of the drift].
DRIFT_MAX = 2.0
#: Largest reduced chi^2 between the RDFs of the two halves.
HALVES_MAX = 2.0
#: Least NP mean-square displacement [D^2], unless the NPs are bound and an opposite start agrees.
MSD_MIN = 1.0
#: NPs that moved less than this do not sample anything [D^2].
MSD_FROZEN = 0.05
#: Fewest blocks that a verdict is given on.
BLOCKS_MIN = 8
#: Largest distance of mean T and P from their targets [standard errors], where it is also more
#: than the fraction below: with a tiny error any integrator is off by its time step.
ENSEMBLE_MAX = 4.0
ENSEMBLE_SLACK = {"temperature": 0.005, "pressure": 0.05}
#: Below this g a bin saw too few pairs for its own noise to be known.
_NEAR_ZERO = 0.05


@dataclass(frozen=True)
class Series:
    """Mean, standard error and drift of one quantity.

    Args:
        mean: over the production.
        error: standard error of the mean, correlation included.
        drift: change over the production by a straight line, in standard errors of that change, see :func:`drift`.
    """

    mean: float
    error: float
    drift: float


@dataclass(frozen=True)
class Diagnosis:
    """Figures of a run and what follows from them.

    Args:
        verdict: passed, short (sampled too little) or failed (not a sample of equilibrium).
        reasons: why it did not pass; empty if it did.
        series: density, energy, temperature and pressure.
        msd_np: NP mean-square displacement over the production [D^2].
        halves_chi2: reduced chi^2 between the RDFs of the two halves.
        r2_end, rg2: mean squares of the chains' end-to-end distance and radius of gyration [sigma^2].
        bound: whether NPs sit in contact, see :func:`is_bound`.
        n_transient: blocks before those that the figures are of, which still relaxed, see :func:`judge`.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    series: Mapping[str, Series]
    msd_np: float
    halves_chi2: float
    r2_end: float
    rg2: float
    bound: bool = False
    n_transient: int = 0


def drift(blocks: FloatArray) -> float:
    """Slope of a straight line through block means, in units of its standard error.

    The correlation of neighbouring blocks is allowed for, see :func:`slope_score`: where the run is
    stationary the value lies beyond 2 in about one run in twenty, as it should, even if the blocks
    are correlated and few.

    Raises:
        InputError: fewer than 4 blocks.
    """
    y = np.asarray(blocks, dtype=float)
    n = y.size
    if n < 4:
        raise InputError(f"a drift needs at least 4 blocks, got {n}")
    x = np.arange(n) - 0.5 * (n - 1)
    slope = float((x * y).sum() / (x * x).sum())
    residual = y - y.mean() - slope * x
    if float((residual**2).sum()) <= 1e-24 * n * max(float(np.mean(y * y)), 1e-300):
        return 0.0 if abs(slope) * n < 1e-9 * max(abs(float(y.mean())), 1e-12) else np.inf
    return slope_score((y - y.mean()) / residual.std())


def compare_rdfs(
    first: FloatArray,
    first_error: FloatArray,
    second: FloatArray,
    second_error: FloatArray,
    *,
    floor: float = _NEAR_ZERO,
) -> float:
    """Reduced chi^2 between two RDFs, over the bins where either is above ``floor``.

    A bin in which one of the two saw no pair has no error of its own there; the mean error of the
    bins with a similar g stands in, through Poisson's law error^2 ~ g.
    """
    mean = 0.5 * (first + second)
    variance = first_error**2 + second_error**2
    use = np.maximum(first, second) > floor
    if not use.any():
        return 0.0
    scale = float(np.median(variance[use] / np.maximum(mean[use], floor)))
    variance = np.maximum(variance, 0.1 * scale * np.maximum(mean, floor))
    if scale <= 0:
        return 0.0 if np.allclose(first[use], second[use]) else np.inf
    return float(np.mean((first[use] - second[use]) ** 2 / variance[use]))


def halves_chi2(g_blocks: FloatArray, frames: FloatArray) -> float:
    """Reduced chi^2 between the RDFs of the first and the second half of the blocks.

    The error of the difference allows for the correlation of neighbouring blocks, and the mean of
    chi^2 for the few blocks that the error itself comes from: a square over an estimated variance of
    nu degrees of freedom has the mean nu / (nu - 2), by which it is divided. It is 1 on average
    where the run is stationary.
    """
    middle = len(g_blocks) // 2
    first, second = (block_mean(g_blocks[part], frames[part]) for part in (slice(0, middle), slice(middle, None)))
    variance, freedom = halves_variance(np.asarray(g_blocks, dtype=float))
    return compare_rdfs(first, np.sqrt(variance), second, np.zeros_like(variance)) * _for_few(freedom)


def blocks_in(record: Mapping[str, Any]) -> tuple[FloatArray, FloatArray]:
    """RDF of each block of a record, shape (n_blocks, n_bins), and the frames in each."""
    return np.asarray(record["g_block"], dtype=float), np.asarray(record["block_frames"], dtype=float)


def runs_chi2(first: tuple[FloatArray, FloatArray], second: tuple[FloatArray, FloatArray]) -> float:
    """Reduced chi^2 between the RDFs of two runs, with the allowances of :func:`halves_chi2`.

    The degrees of freedom of the variance of the difference are those of Welch and Satterthwaite.

    Args:
        first: RDF of each block, shape (n_blocks, n_bins), at least 4 blocks, and the frames in each.
        second: of the other run.
    """
    means = [block_mean(blocks, frames) for blocks, frames in (first, second)]
    found = [mean_variance(np.asarray(blocks, dtype=float)) for blocks, _ in (first, second)]
    shares = np.array([variance.mean() for variance, _ in found])
    below = sum(share**2 / freedom for share, (_, freedom) in zip(shares, found, strict=True))
    freedom = float(shares.sum() ** 2 / below) if below > 0 else np.inf
    chi2 = compare_rdfs(means[0], np.sqrt(found[0][0]), means[1], np.sqrt(found[1][0]))
    return chi2 * _for_few(freedom)


def _for_few(freedom: float) -> float:
    """What a chi^2 has to be multiplied by, since its variance has been estimated from few blocks."""
    return max(1.0 - 2.0 / freedom, 0.2)


def is_bound(g: FloatArray, r: FloatArray, diameter: float) -> bool:
    """Whether NPs sit in contact or share a layer so strongly that they rarely part: g above 10."""
    near = r < diameter + 2.0
    return bool(np.max(g[near], initial=0.0) > 10.0)


def judge(
    *,
    g_blocks: FloatArray,
    frames: FloatArray,
    thermo_blocks: Mapping[str, FloatArray],
    msd_from: Callable[[int], float],
    least_blocks: int,
    **given: Any,
) -> Diagnosis:
    """Verdict of a production, without the blocks at its start that still relaxed.

    The whole production is judged first. Where it does not pass, the blocks up to the end of the relaxation, see
    :func:`~simulations.analysis.transient.transient`, count as equilibration and the rest is judged
    by the same limits; it is taken if it passes. It has to be as long as a production has to be: what is
    set aside must have been simulated in addition, so that a short rest does not hide a drift.

    Args:
        g_blocks: RDF of each block of the whole production, shape (n_blocks, n_bins).
        frames: frames in each block.
        thermo_blocks: block means, see :func:`diagnose`.
        msd_from: NP mean-square displacement [D^2] from the beginning of a block, by its number, to the end.
        least_blocks: fewest blocks of a rest.
        given: the other arguments of :func:`diagnose`.
    """
    whole = diagnose(g_blocks=g_blocks, frames=frames, thermo_blocks=thermo_blocks, msd_np=msd_from(0), **given)
    if whole.verdict == "passed" or len(g_blocks) <= max(least_blocks, BLOCKS_MIN):
        return whole
    # the noise of counted pairs is as large as the root of their number
    scaled = g_blocks / np.sqrt(np.maximum(block_mean(g_blocks, frames), _NEAR_ZERO))
    start = transient([thermo_blocks["density"], thermo_blocks["energy"], scaled])
    if not start or len(g_blocks) - start < max(least_blocks, BLOCKS_MIN):
        return whole
    rest = diagnose(
        g_blocks=g_blocks[start:],
        frames=frames[start:],
        thermo_blocks={name: blocks[start:] for name, blocks in thermo_blocks.items()},
        msd_np=msd_from(start),
        **given,
    )
    return replace(rest, n_transient=start) if rest.verdict == "passed" else whole


def diagnose(
    *,
    r: FloatArray,
    g_blocks: FloatArray,
    frames: FloatArray,
    thermo_blocks: Mapping[str, FloatArray],
    msd_np: float,
    diameter: float,
    temperature: float,
    pressure: float,
    trainable: bool = True,
    opposite: tuple[FloatArray, FloatArray] | None = None,
) -> Diagnosis:
    """Figures and verdict of a production run.

    Passed: at least 8 blocks; drift of density and energy below 2 standard errors; temperature and
    pressure at their targets; halves that agree (reduced chi^2 below 2 with block errors);
    agreement with a run from the opposite start, by the same limit, if there is one that has not
    failed by itself; an NP displacement of at least 1 D^2 or, where NPs are bound, such an
    agreement. A run that drifts, is off its ensemble or whose NPs hardly moved has failed; one that
    only sampled too little is short.

    Args:
        r: bin centres [sigma].
        g_blocks: RDF of each block, shape (n_blocks, n_bins).
        frames: frames in each block.
        thermo_blocks: block means of density, energy, temperature, pressure, r2_end and rg2.
        msd_np: NP mean-square displacement over the production [D^2].
        diameter: of the NPs [sigma].
        temperature: target [epsilon/k_B].
        pressure: target [epsilon/sigma^3].
        trainable: false for a preset that may never pass.
        opposite: RDF of each block, and the frames in it, of a run of the same composition from the opposite start.
    """
    n_blocks = len(g_blocks)
    if n_blocks < 4:
        return Diagnosis(
            "short",
            (f"{n_blocks} blocks, at least {BLOCKS_MIN} are needed",),
            {name: _series(thermo_blocks[name]) for name in ("density", "energy", "temperature", "pressure")},
            float(msd_np),
            float("nan"),
            float(np.mean(thermo_blocks["r2_end"])),
            float(np.mean(thermo_blocks["rg2"])),
        )
    series = {name: _series(thermo_blocks[name]) for name in ("density", "energy", "temperature", "pressure")}
    g = block_mean(g_blocks, frames)
    chi2 = halves_chi2(g_blocks, frames)
    bound = is_bound(g, r, diameter)
    failed: list[str] = []
    short: list[str] = []
    failed.extend(
        f"{name} drifts by {series[name].drift:+.1f} standard errors (limit {DRIFT_MAX:g})"
        for name in ("density", "energy")
        if abs(series[name].drift) >= DRIFT_MAX
    )
    for name, target in (("temperature", temperature), ("pressure", pressure)):
        off = abs(series[name].mean - target)
        if off > ENSEMBLE_MAX * series[name].error and off > ENSEMBLE_SLACK[name] * target:
            failed.append(f"mean {name} is {series[name].mean:.4f}, the target is {target:g}")
    agrees = False
    if opposite is not None:
        difference = runs_chi2((g_blocks, frames), opposite)
        agrees = difference < HALVES_MAX
        if not agrees:
            short.append(differs(difference))
    if msd_np < MSD_MIN and not (bound and agrees):
        text = f"NPs moved {msd_np:.2g} D^2, at least {MSD_MIN:g} is needed"
        text += " or a run from the opposite start that agrees" if bound else ""
        (failed if msd_np < MSD_FROZEN else short).append(text)
    if n_blocks < BLOCKS_MIN:
        short.append(f"{n_blocks} blocks, at least {BLOCKS_MIN} are needed")
    if not chi2 < HALVES_MAX:
        short.append(f"the RDFs of the two halves differ, reduced chi^2 {chi2:.1f} (limit {HALVES_MAX:g})")
    if not trainable:
        short.append("this preset is too short to be trusted and never passes")
    return Diagnosis(
        "failed" if failed else "short" if short else "passed",
        tuple(failed + short),
        series,
        float(msd_np),
        chi2,
        float(np.mean(thermo_blocks["r2_end"])),
        float(np.mean(thermo_blocks["rg2"])),
        bound,
    )


def differs(chi2: float) -> str:
    """Why a run is short that disagrees with the one from the opposite start; begins with :data:`DIFFERS`."""
    return f"{DIFFERS}, reduced chi^2 {chi2:.1f} (limit {HALVES_MAX:g})"


def _series(blocks: FloatArray) -> Series:
    data = np.asarray(blocks, dtype=float)
    return Series(
        mean=float(data.mean()),
        error=float(standard_error(data)) if data.size > 1 else float("nan"),
        drift=float(drift(data)) if data.size >= 4 else float("nan"),
    )
