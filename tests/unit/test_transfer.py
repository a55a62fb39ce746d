"""Learning something else first, from several numbers at once, and from fewer groups."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nanonet.chemistry.packed import Graph
from nanonet.data import corpus
from nanonet.data.tasks import DescribedStructures, SimulatedTransport
from nanonet.errors import ConfigError, DataError
from nanonet.evaluate import evaluate
from nanonet.networks.backend import seed_everything
from nanonet.networks.dense import build_dense
from nanonet.networks.fit import Fit, session
from nanonet.networks.readers import STRUCTURE
from nanonet.parts import describe
from nanonet.regressors.fewer import Fewer
from nanonet.regressors.graph import GraphNetwork
from nanonet.regressors.network import LawNetwork
from nanonet.regressors.pretraining import Pretraining, Task, lend
from nanonet.regressors.ridge import Ridge
from nanonet.statistics import Estimate
from nanonet.training import compare as comparing
from tests.made_up import POLYMERS

pytest.importorskip("rdkit", reason="needs RDKit: pip install 'nanonet[chem]'")
ATOMS = 8


class Sizes:
    """Number of letters of a repeat unit, and of some of them a second number."""

    def __init__(self, nothing: bool = False) -> None:
        self.nothing = nothing

    def get_config(self) -> dict[str, Any]:
        return {"nothing": self.nothing}

    def read(self) -> tuple[list[str], np.ndarray]:
        second = [float(len(text)) if row % 2 and not self.nothing else np.nan for row, text in enumerate(POLYMERS)]
        return list(POLYMERS), np.column_stack([[float(len(text)) for text in POLYMERS], second])


def quick(epochs: int = 1, **changes: Any) -> Fit:
    return Fit(epochs=epochs, batch_size=4, validation=0.0, **changes)


def network(**changes: Any) -> GraphNetwork:
    return GraphNetwork(quick(), atoms=ATOMS, width=4, rounds=1, hidden=[4], **changes)


def test_unknown_outputs_do_not_count() -> None:
    x = np.random.default_rng(0).normal(size=(40, 3))
    y = np.column_stack([x[:, 0], x[:, 1]])
    holes = np.where(np.arange(40)[:, None] % 2 == [0, 2], np.nan, y)
    seed_everything(1)
    losses = quick(12, learning_rate=0.02).run(build_dense(3, 2, [8]), x, holes, name="holes")["loss"]
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.5 * losses[0]
    with pytest.raises(ConfigError, match="mean_squared_error"):
        quick(loss="mean_absolute_error").run(build_dense(3, 2, [8]), x, holes, name="holes")


def test_a_reader_is_lent_what_it_has_learned(tmp_path: Path) -> None:
    before = Pretraining(Sizes(), Graph(atoms=ATOMS), quick(), hidden=[4])
    assert isinstance(Sizes(), Task)
    own = network(pretraining=before)
    with session(tmp_path) as around:
        weights = before.weights(own.reader(), 5)
        # The same again is read, not learned.
        states = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("state.npz")}
        again = before.weights(own.reader(), 5)
        assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("state.npz")} == states
    assert list(around.histories) == ["pretraining on sizes"]
    assert {f"{STRUCTURE}atoms", f"{STRUCTURE}bonds", f"{STRUCTURE}message0", f"{STRUCTURE}update0"} == set(weights)
    for name, values in weights.items():
        for value, same in zip(values, again[name], strict=True):
            np.testing.assert_array_equal(value, same)
    x = np.concatenate([np.full((8, 1), 3.0), np.ones((8, 1)), Graph(atoms=ATOMS).encode(POLYMERS)], axis=1)
    codes = np.arange(8.0)[:, None]
    with_it, without = own.fit(x, codes), network().fit(x, codes)
    assert np.abs(with_it.predict(x) - without.predict(x)).max() > 1e-6
    assert describe(own)["pretraining"]["task"]["nothing"] is False
    # Learning first changes the weights to begin with, not how the records are learned.
    with pytest.raises(ConfigError, match="structure_atoms"):
        lend(weights, build_dense(3, 2, [4]))


def test_what_cannot_be_learned_first() -> None:
    reader = network().reader()
    with pytest.raises(ConfigError, match="columns"):
        Pretraining(Sizes(), Graph(atoms=ATOMS + 1), quick()).weights(reader, 0)
    with pytest.raises(ConfigError, match="reads structures"):
        Pretraining(Sizes(), Graph(atoms=ATOMS), quick()).weights(LawNetwork(quick()).reader(), 0)
    with pytest.raises(DataError, match="no value of 1 of 2"):
        Pretraining(Sizes(nothing=True), Graph(atoms=ATOMS), quick()).weights(reader, 0)
    with pytest.raises(ConfigError, match="task"):
        Pretraining("sizes", Graph(), quick())  # type: ignore[arg-type]


def test_all_quantities_of_simulations_at_once(tmp_path: Path) -> None:
    header = ["s3_prefix", "mol_smiles", "molarity", "conductivity", "li_diffusivity", "tfsi_diffusivity"]
    header += ["poly_diffusivity", "transference_number"]
    file = tmp_path / "md.csv"
    with file.open("w", newline="", encoding="utf-8") as opened:
        table = csv.writer(opened)
        table.writerow(header)
        for row, (polymer, share) in enumerate(zip(POLYMERS, (0.3, -0.2, 1.1, 0.9, 0.0, 1.0, 0.5, 2.0), strict=True)):
            name = "conc_1.5" if row < 4 else "conc_1.5_dummy_1200"
            values = [10.0 ** (-5 + (row < 4)), 1e-8, 2e-8, 3e-8, share]
            table.writerow([f"trajectories/0623/poly_9_nion_50_{name}/9-0", polymer, 1.4, *values])
    structures, numbers = SimulatedTransport(str(file)).read()
    assert numbers.shape == (8, 5)
    assert np.isnan(numbers).sum(axis=0).tolist() == [0, 0, 0, 0, 3]
    # The batch without a name lies higher by one decade, which is taken off.
    assert numbers[:, 0] == pytest.approx(-5.0)
    assert len(structures) == 8
    assert SimulatedTransport(str(file), ["li_diffusivity"]).read()[1].shape == (8, 1)
    for bad in ([], ["colour"]):
        with pytest.raises(ConfigError, match="quantities"):
            SimulatedTransport(quantities=bad)


def test_descriptors_of_unlabelled_structures(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [*POLYMERS, "CCO", "*C(", "[Cu]CCO[Au]", "*[H]*"]
    monkeypatch.setattr(corpus, "_texts", lambda *_: iter(texts))
    structures, numbers = DescribedStructures(most=100, names=["TPSA", "RingCount"], seed=77).read()
    assert sorted(structures) == sorted(POLYMERS)
    assert numbers.shape == (8, 2)
    few = DescribedStructures(most=3, seed=77).read()[0]
    assert len(few) == 3
    with pytest.raises(ConfigError, match="most"):
        DescribedStructures(most=0)


def test_a_larger_share_holds_the_smaller_one(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    x, groups = random.normal(size=(60, 2)), np.array([f"g{row % 12}" for row in range(60)])
    seen: list[set[str]] = []
    fit = Ridge.fit

    def watched(self: Ridge, x: Any, codes: Any, groups: Any = None) -> Ridge:
        seen.append(set(groups.tolist()))
        return fit(self, x, codes, groups)

    monkeypatch.setattr(Ridge, "fit", watched)
    for share in (0.01, 0.25, 0.5, 1.0):
        Fewer(Ridge(), share=share, seed=4).fit(x, x, groups)
    assert [len(names) for names in seen] == [1, 3, 6, 12]
    assert all(small < large for small, large in pairwise(seen))
    with pytest.raises(ConfigError, match="share"):
        Fewer(Ridge(), share=0.0)


def test_a_large_group_is_drawn_from(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.arange(60.0)[:, None]
    groups = np.array(["large"] * 50 + ["small"] * 10)
    seen: list[Any] = []
    monkeypatch.setattr(Ridge, "fit", lambda self, x, codes, groups=None: seen.append((x, codes, groups)) or self)
    for most, seed in ((7, 0), (7, 0), (7, 1), (20, 0)):
        Fewer(Ridge(), most=most, seed=seed).fit(x, 2.0 * x, groups)
    for rows, codes, names in seen:
        assert np.array_equal(codes, 2.0 * rows)
        assert np.array_equal(names, groups[rows[:, 0].astype(int)])
        assert len(set(rows[:, 0])) == len(rows)
    counted = [[int((names == name).sum()) for name in ("large", "small")] for _, _, names in seen]
    assert counted == [[7, 7], [7, 7], [7, 7], [20, 10]]
    assert np.array_equal(seen[0][0], seen[1][0])
    assert not np.array_equal(seen[0][0], seen[2][0])
    with pytest.raises(ConfigError, match="most"):
        Fewer(Ridge(), most=0)


def test_several_models_can_be_varied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def compared(config: Mapping[str, Any], models: Mapping[str, Any]) -> Path:
        asked.extend(models)
        scores = {name: {"mae": Estimate(float(len(name)), 0.0, 9.0, 3, 3).to_json()} for name in models}
        content = {"scores": scores, "floor": scores, "units": {"mae": "K"}}
        (tmp_path / "results.json").write_text(json.dumps(content), encoding="utf-8")
        return tmp_path

    monkeypatch.setattr(comparing, "compare", compared)
    models = {name: {"regressor": {"share": 1.0}} for name in ("one", "two", "three", "four")}
    vary = {"key": "regressor.share", "values": [0.5, 1.0]}
    comparing.study({"figures": True, "metrics": {"mae": {}}}, models, vary)
    assert asked[:2] == ["one, share=0.5", "one, share=1.0"]
    assert len(asked) == 8
    assert (tmp_path / "study.png").is_file()
    keys = ("seed", "dataset", "split", "metrics", "calibration", "folder", "progress", "figures", "model", "workers")
    with pytest.raises(ConfigError, match="a comparison has the keys"):
        evaluate({**dict.fromkeys(keys), "name": "x", "checkpoint": None, "comparison": {"name": "x"}})
