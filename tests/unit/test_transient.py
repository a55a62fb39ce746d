"""Where the relaxation ends: series whose beginning is known, and verdicts on what is left."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nanonet.errors import InputError
from simulations.analysis.checks import Diagnosis, diagnose, judge
from simulations.analysis.transient import transient
from tests.productions import R, ar1, curves, thermo

RELAXING = 8.0 * np.exp(-np.arange(40) / 4.0)


def test_a_step_is_found() -> None:
    series = np.r_[np.full(7, 3.0), 1.0 + 0.01 * np.random.default_rng(1).standard_normal(33)]
    assert transient([series]) == 7
    assert transient([series, np.tile([0.0, 1.0], 20)]) == 7, "the series that takes longest counts"
    curve = np.outer(series, np.ones(5))
    assert transient([curve]) == 7


def test_of_independent_blocks_hardly_any_is_left_out(rng: np.random.Generator) -> None:
    cut = [transient([ar1(rng, 20, 0.0)[:, 0]]) for _ in range(300)]
    assert np.mean([10 if one is None else one for one in cut]) == pytest.approx(1.3, abs=0.4)


def test_a_relaxation_is_left_out(rng: np.random.Generator) -> None:
    """Beyond 3 of its times, what is left of 8 is below half a standard deviation."""
    cut = [transient([RELAXING + ar1(rng, 40, 0.3)[:, 0]]) for _ in range(100)]
    known = [one for one in cut if one is not None]
    assert len(known) > 95
    assert 6 <= np.median(known) <= 14


def test_a_steady_drift_has_no_end() -> None:
    assert transient([np.linspace(0.0, 1.0, 20)]) is None


def test_bad_series() -> None:
    with pytest.raises(InputError, match=r"at least 4 blocks; got \[3\]"):
        transient([np.ones(3)])
    with pytest.raises(InputError, match=r"one length.*got \[5, 6\]"):
        transient([np.ones(5), np.ones(6)])


# ---------------------------------------------------------------- verdicts


def verdicts(
    rng: np.random.Generator, n: int = 40, least: int = 20, msd: float = 2.0, **shift: NDArray
) -> tuple[Diagnosis, Diagnosis]:
    """Of the whole production, and as it is judged; ``shift`` is added to a series, in its standard deviations."""
    noise = {"density": 1e-3, "energy": 5e-3}
    blocks = thermo(rng, n)
    for name, values in shift.items():
        blocks[name] = blocks[name] + noise[name] * values
    given: dict[str, Any] = {"g_blocks": curves(rng, n), "frames": np.full(n, 50.0), "thermo_blocks": blocks}
    fixed: dict[str, Any] = {"r": R, "diameter": 3.0, "temperature": 1.0, "pressure": 1.0}
    return diagnose(msd_np=msd, **given, **fixed), judge(
        msd_from=lambda skip: msd * (n - skip) / n, least_blocks=least, **given, **fixed
    )


def test_the_whole_is_taken_where_it_passes(rng: np.random.Generator) -> None:
    for _ in range(20):
        whole, judged = verdicts(rng)
        if whole.verdict == "passed":
            assert judged == whole
            assert judged.n_transient == 0


def test_a_production_that_relaxed_at_first_passes_without_its_beginning(rng: np.random.Generator) -> None:
    pairs = [verdicts(rng, density=RELAXING) for _ in range(40)]
    assert sum(whole.verdict == "passed" for whole, _ in pairs) < 20
    passed = [judged for _, judged in pairs if judged.verdict == "passed"]
    assert len(passed) > 28
    cut = [judged for judged in passed if judged.n_transient]
    assert np.mean([abs(judged.series["density"].mean - 0.9) for judged in cut]) < 1e-3
    assert all(judged.msd_np < 2.0 for judged in cut), "figures are of the rest"


def test_a_drift_to_the_end_is_still_refused(rng: np.random.Generator) -> None:
    line = np.linspace(-3.0, 3.0, 40)
    refused = [verdicts(rng, density=-line, energy=line)[1].verdict == "failed" for _ in range(40)]
    assert sum(refused) > 36


def test_what_is_set_aside_has_to_be_simulated_in_addition(rng: np.random.Generator) -> None:
    for _ in range(10):
        _, judged = verdicts(rng, n=40, least=40, density=RELAXING)
        assert judged.n_transient == 0
    _, frozen = verdicts(rng, msd=0.6, density=RELAXING)
    assert frozen.verdict != "passed"
    assert frozen.n_transient == 0


def test_looking_again_helps_what_relaxes_and_hardly_what_drifts(rng: np.random.Generator) -> None:
    """As ``extend_until_passed`` does, which stops at the first verdict that is passed."""

    def passes(shift: NDArray) -> bool:
        blocks = thermo(rng, 60)
        blocks["density"] = blocks["density"] - 1e-3 * shift
        blocks["energy"] = blocks["energy"] + 5e-3 * shift
        g = curves(rng, 60)
        fixed: dict[str, Any] = {"r": R, "diameter": 3.0, "temperature": 1.0, "pressure": 1.0, "least_blocks": 20}
        return any(
            judge(
                g_blocks=g[:n],
                frames=np.full(n, 50.0),
                thermo_blocks={name: series[:n] for name, series in blocks.items()},
                msd_from=lambda _: 2.0,
                **fixed,
            ).verdict
            == "passed"
            for n in (20, 30, 40, 50, 60)
        )

    blocks = np.arange(60)
    assert sum(passes(4.0 * np.exp(-blocks / 6.0)) for _ in range(30)) >= 27
    assert sum(passes(0.15 * blocks) for _ in range(30)) <= 18
