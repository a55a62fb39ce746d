"""Networks with a law of temperature at their end: no curve falls, and the law's parameters are exact."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from nanonet.data.electrolyte import table_of
from nanonet.data.laws import arrhenius, vtf
from nanonet.data.table import Table
from nanonet.domain.electrolyte import Electrolyte
from nanonet.errors import ConfigError, InputError
from nanonet.parts import build
from nanonet.paths import CONF
from tests.made_up import POLYMERS, electrolytes

pytest.importorskip("rdkit", reason="needs RDKit: pip install 'nanonet[chem]'")
LITHIUM = "F[B-](F)(F)F.[Li+]"
#: Features that a network needs, and how small it is made here; all kinds of networks share the head.
NETWORKS = {
    "law_dense": ("electrolyte_law", {}),
    "graph": ("electrolyte_graph", {"rounds": 1, "width": 8, "atoms": 12}),
}


def config(group: str, name: str) -> Any:
    with initialize_config_dir(str(CONF), version_base=None):
        made: Any = OmegaConf.to_container(compose(f"{group}/{name}"), resolve=True)
    return made[group]


def fitted(name: str, law: str, epochs: int = 1) -> tuple[Any, Any]:
    """Features and a network that has hardly learned anything: what it has learned must not matter."""
    own, small = NETWORKS[name]
    chosen = config("features", own)
    for encoder in chosen["packed"]:
        encoder.update({key: value for key, value in small.items() if key in encoder})
    features = build(chosen)
    inputs = electrolytes(32)
    described = config("regressor", name)
    described["fit"] |= {"epochs": epochs}
    network = build({**described, **small, "law": law, "hidden": [16], "n_members": 1}, seed=3)
    codes = np.random.default_rng(1).normal(-6.0, 2.0, (32, 1))
    return features.fit(inputs), network.fit(features.transform(inputs), codes)


def curves(features: Any, network: Any, temperatures: np.ndarray) -> np.ndarray:
    """Prediction for each polymer (rows) at each temperature (columns)."""
    asked = [Electrolyte(polymer, LITHIUM, 1.0, float(t)) for polymer in POLYMERS for t in temperatures]
    return network.predict(features.transform(table_of(asked))).reshape(len(POLYMERS), -1)


def members(features: Any, network: Any, inputs: Table) -> np.ndarray:
    return network.members(features.transform(inputs))[:, :, 0]


@pytest.mark.parametrize(("name", "law"), [*((name, "arrhenius") for name in NETWORKS), ("law_dense", "vtf")])
def test_no_curve_falls_for_any_polymer(name: str, law: str) -> None:
    features, network = fitted(name, law)
    temperatures = np.linspace(-30.0, 190.0, 45)
    found = curves(features, network, temperatures)
    assert (np.diff(found, axis=1) > 0).all()
    line = np.polyfit(1.0 / (temperatures + 273.15), found.T, 1)
    residual = found.T - (line[0] / (temperatures[:, None] + 273.15) + line[1])
    if law == "arrhenius":
        assert np.abs(residual).max() < 1e-4
    else:
        # Bent, as Vogel, Tammann and Fulcher have it.
        assert np.abs(residual).max() > 1e-3
    if name == "law_dense":
        # What is read off is the law of the network itself.
        inputs = table_of([Electrolyte(polymer, LITHIUM, 1.0, 60.0) for polymer in POLYMERS])
        read = (arrhenius if law == "arrhenius" else vtf)(lambda table: members(features, network, table), inputs)
        assert all(one.activation > 0 for one in read)
        np.testing.assert_allclose([one.log10_conductivity(temperatures) for one in read], found, atol=5e-3)


def test_what_is_no_network() -> None:
    described = config("regressor", "law_dense")
    with pytest.raises(ConfigError, match="arrhenius"):
        build({**described, "law": "ohm"})
    features, network = fitted("law_dense", "none")
    x = features.transform(electrolytes(3))
    with pytest.raises(InputError):
        network.predict(x[:, :-1])
