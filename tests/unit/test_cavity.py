"""The cavity function as what a model of RDFs learns."""

from __future__ import annotations

import numpy as np
import pytest

from nanonet.data.nanocomposite import Nanocomposite
from nanonet.data.table import Table
from nanonet.domain.rdf import standard_grid
from nanonet.errors import InputError
from nanonet.features.composition import CompositionFeatures
from nanonet.metrics.general import LogError
from nanonet.regressors.forest import Forest
from nanonet.regressors.neighbours import Mean
from nanonet.representations.base import Spreading
from nanonet.representations.cavity import Cavity
from nanonet.representations.transforms import PCA, Identity, Log10
from nanonet.surrogate import Surrogate
from nanonet.units import LJ_MINIMUM
from tests.synthetic import log_error, synthetic_rdf

R = standard_grid()


def plain(**changes: float) -> Cavity:
    return Cavity(of=Identity(lowest=None), **changes)  # type: ignore[arg-type]


def table(diameters: list[float], depths: list[float]) -> Table:
    return Table({"D": np.array(diameters), "eps_np_np": np.array(depths)})


def dilute(diameter: float, depth: float) -> np.ndarray:
    """The RDF of two NPs alone, exp(-U/kT), by a plain sum over each bin."""
    g = []
    for middle in R:
        fine = np.linspace(middle - 0.05, middle + 0.05, 2001)[1:]
        energy = 4.0 * depth * ((diameter / fine) ** 12 - (diameter / fine) ** 6)
        cut = 4.0 * depth * (2.5**-12 - 2.5**-6)
        factor = np.exp(-np.where(fine < 2.5 * diameter, energy - cut, 0.0))
        g.append((factor * fine**2).sum() / (fine**2).sum())
    return np.array(g)


def test_two_particles_alone_have_no_cavity_function() -> None:
    cases = [(2.0, 0.3), (3.3, 2.5), (5.0, 1.0)]
    g = np.array([dilute(*case) for case in cases])
    inputs = table([d for d, _ in cases], [e for _, e in cases])
    part = plain(floor=1e-2).fit(g, inputs)
    log_y = part.encode(g, inputs)
    s = part.low + part.step * np.arange(log_y.shape[1])
    assert np.abs(log_y[:, s > 0]).max() < 0.01
    # and what it knows without any record is the whole RDF
    back = part.decode(np.zeros_like(log_y), inputs)
    assert log_error(g, back).max() < 0.003
    assert (back[R[None] < 0.8 * inputs["D"][:, None]] == 0.0).all()


def test_contact_and_bridge_lie_at_one_place_for_all_diameters() -> None:
    diameters = [2.0, 2.7, 3.6, 4.5]
    bump = [np.exp(-0.5 * ((R - LJ_MINIMUM * (d + 1.0)) / 0.25) ** 2) for d in diameters]
    depth = 0.4
    g = np.array([dilute(d, depth) * np.exp(own) for d, own in zip(diameters, bump, strict=True)])
    inputs = table(diameters, [depth] * 4)
    part = plain().fit(g, inputs)
    log_y = part.encode(g, inputs)
    s = part.low + part.step * np.arange(log_y.shape[1])
    seen = s < 10.0 - LJ_MINIMUM * 4.5
    assert np.abs(s[log_y[:, seen].argmax(axis=1)] - LJ_MINIMUM).max() <= 0.05 + 1e-9
    assert np.ptp(log_y[:, seen & (s > 0)], axis=0).max() < 0.02


def test_steep_cores_and_high_peaks_survive() -> None:
    random = np.random.default_rng(1)
    diameters = random.uniform(2.0, 5.0, 45).tolist()
    g = np.array([synthetic_rdf(random, D=d, peak=(3.0, 20.0, 100.0)[k % 3]) for k, d in enumerate(diameters)])
    inputs = table(diameters, random.uniform(0.1, 2.5, 45).tolist())
    part = plain().fit(g, inputs)
    back = part.decode(part.encode(g, inputs), inputs)
    assert log_error(g, back).max() < part.tolerance
    assert np.abs(back.max(axis=1) / g.max(axis=1) - 1.0).max() < 0.05
    assert np.abs(R[back.argmax(axis=1)] - R[g.argmax(axis=1)]).max() <= 0.1 + 1e-9


def test_an_empty_rdf_and_what_it_refuses() -> None:
    inputs = table([3.0, 3.0], [1.0, 1.0])
    g = np.array([np.zeros(100), dilute(3.0, 1.0)])
    part = plain().fit(g, inputs)
    assert np.isfinite(part.decode(part.encode(g, inputs), inputs)).all()
    for changes in ({"step": 0.0}, {"low": 7.5}, {"floor": 0.0}):
        with pytest.raises(InputError, match="grid of s"):
            plain(**changes)
    with pytest.raises(InputError, match="Log10"):
        Cavity(of=Log10())


def test_the_shipped_records_are_nearer_to_each_other_that_way() -> None:
    """The same constant model, leave one out: known physics alone must say more than the mean of log g."""
    records = Nanocomposite(include_short=True, include_failed=True, least=2).read()
    error = {}
    for name, make in {"log": Log10, "cavity": plain}.items():
        found = []
        for row in range(len(records)):
            train = np.flatnonzero(records.groups != records.groups[row])
            model = Surrogate(CompositionFeatures(), Mean(), make())  # type: ignore[operator]
            model.fit(records.inputs.take(train), records.targets[train])
            one = records.take([row])
            found.append(LogError().values(one, model.predict(one.inputs))[0])
        error[name] = np.mean(found)
    assert error["cavity"] < 0.8 * error["log"]


def test_members_are_apart_where_their_rdfs_are() -> None:
    """The standard deviation of the decoded members themselves, on the logarithmic scale; 0 where all say the same."""
    rng = np.random.default_rng(5)
    inputs = table([2.0, 2.6, 3.3], [0.3, 1.0, 2.5])
    g = np.array([synthetic_rdf(rng, D=float(d), peak=4.0) for d in inputs["D"]])
    part = Cavity(of=PCA(n_components=2, of=Identity(lowest=None))).fit(g, inputs)
    codes = part.encode(g, inputs)
    members = codes + rng.normal(size=(5, 1, 2))
    found = part.spread(members, inputs)
    decoded = np.stack([part.decode(own, inputs) for own in members])
    np.testing.assert_allclose(found, np.log10(np.maximum(decoded, part.floor)).std(axis=0), atol=1e-12)
    assert found.max() > 0.01
    assert part.spread(np.stack([codes, codes]), inputs).max() == 0.0
    assert isinstance(part, Spreading)


@pytest.mark.parametrize("curves", [True, False])
def test_a_surrogate_says_how_far_its_members_are_apart(curves: bool) -> None:
    """At each bin where the representation knows it, else in code space; either way one number for a record."""
    rng = np.random.default_rng(6)
    inputs = Table({"D": np.linspace(2.0, 3.3, 12), "eps_np_np": np.linspace(0.3, 2.5, 12)})
    g = np.array([synthetic_rdf(rng, D=float(d), peak=4.0) for d in inputs["D"]])
    part = Cavity() if curves else Log10()
    model = Surrogate(CompositionFeatures(columns=("D", "eps_np_np")), Forest(n_trees=5, seed=0), part).fit(inputs, g)
    predicted, spread = model.predict_with_spread(inputs)
    np.testing.assert_allclose(predicted, model.predict(inputs))
    assert spread.shape == ((12, 100) if curves else (12,))
    apart = model.disagreement(inputs)
    assert apart.shape == (12,)
    assert (apart > 0).all()
    np.testing.assert_allclose(apart, np.sqrt((spread.reshape(12, -1) ** 2).mean(axis=1)))
