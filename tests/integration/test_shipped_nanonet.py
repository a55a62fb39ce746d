"""The shipped nanoNET, as a user meets it: trained on the shipped simulations, and close to them."""

from __future__ import annotations

import re
import warnings
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import nanonet
from nanonet import cli, paths
from nanonet.data import store
from nanonet.data.nanocomposite import Nanocomposite
from nanonet.errors import DomainWarning, InputError
from nanonet.inference import Predictor
from nanonet.metrics.general import LogError

#: Well inside the region that the records cover.
WETTED = {"D": 2.6, "N": 32, "phi": 0.05, "eps_np_np": 1.2, "eps_p_np": 1.2}


@pytest.fixture(scope="module", params=["nanonet_best", "nanonet"])
def model(request: pytest.FixtureRequest) -> Predictor:
    return nanonet.load(request.param)


def card_of(model: Predictor) -> str:
    return (paths.CHECKPOINTS / model.checkpoint.name / "README.md").read_text(encoding="utf-8")


def test_an_rdf_with_its_band(model: Predictor) -> None:
    rdf = model.predict(**WETTED)
    assert rdf.in_domain
    assert rdf.phase == "dispersed"
    assert (rdf.g[rdf.r < 0.8 * WETTED["D"]] < 0.02).all()  # NPs do not overlap
    assert np.abs(rdf.g[rdf.r > 8.0] - 1.0).max() < 0.3  # and far away they do not know each other
    assert rdf.g_low is not None
    assert rdf.g_high is not None
    assert ((rdf.g_low <= rdf.g) & (rdf.g <= rdf.g_high)).all()
    assert model.predict(**WETTED).g == pytest.approx(rdf.g)


def test_it_learned_from_shipped_simulations(model: Predictor) -> None:
    # Records may be added at any time, and a run from the opposite start can withdraw one that had passed; a checkpoint
    # says which of them it knows.
    records = store.read(paths.RECORDS)
    verdicts = dict(zip(records["record"].values.tolist(), records["verdict"].values.tolist(), strict=True))
    group_of = dict(zip(records["record"].values.tolist(), records["group"].values.tolist(), strict=True))
    learned = model.checkpoint.info["data"]["learned"]
    assert set(learned) <= set(verdicts)
    withdrawn = [name for name in learned if verdicts[name] != "passed"]
    reasons = dict(zip(records["record"].values.tolist(), records["reasons"].values.tolist(), strict=True))
    assert all(reasons[name].startswith("differs from the run of the opposite start") for name in withdrawn)
    assert len(withdrawn) <= 0.02 * len(learned), "too many were withdrawn: train it anew"
    groups = {group_of[name] for name in learned}
    assert len(groups) >= 24
    card = card_of(model)
    assert f"trained on {len(learned)} records of {len(groups)} groups" in card


def test_it_is_closer_to_what_it_learned_from_than_the_mean(model: Predictor) -> None:
    dataset = Nanocomposite().read()
    # records that were added later are outside its region, for most of them
    known = set(model.checkpoint.info["data"]["learned"])
    dataset = dataset.take([row for row, name in enumerate(dataset.names) if name in known])
    metric = LogError()
    learned = metric.values(dataset, model.evaluate(dataset.inputs).targets).mean()
    average = metric.values(dataset, np.repeat(dataset.targets.mean(axis=0)[None], len(dataset), axis=0)).mean()
    assert learned < 0.5 * average


def test_the_card_says_what_held_out_compositions_say(model: Predictor) -> None:
    held_out = model.checkpoint.info["scores"]["held-out"]["log_error"]
    card = card_of(model)
    found = re.search(r"log_error \[decades\] \| (\S+) \((\S+) to (\S+)\)", card)
    assert found
    assert float(found[1]) == pytest.approx(held_out["value"], rel=0.01)
    assert float(found[2]) <= float(found[1]) <= float(found[3])
    assert f"+experiment={model.checkpoint.name}" in card


def test_outside_of_its_region_it_says_so() -> None:
    with pytest.warns(DomainWarning, match=r"eps_np_np = 2\.5 "):
        rdf = nanonet.predict(**{**WETTED, "eps_np_np": 2.5})
    assert not rdf.in_domain
    with pytest.raises(InputError, match=r"D = 4\.5 "):
        nanonet.predict(**{**WETTED, "D": 4.5}, strict=True)


def test_a_volume_fraction_that_was_never_simulated_is_outside() -> None:
    # Each of the five numbers alone is known; together they fill more than any record does.
    with pytest.warns(DomainWarning, match=r"phi = 0\.12 is outside 0\.011"):
        assert not nanonet.predict(D=2.98, N=32, phi=0.12, eps_np_np=1.2, eps_p_np=1.2).in_domain


def test_the_band_grows_far_from_the_data() -> None:
    random = np.random.default_rng(0)
    box = {"N": (25, 40), "phi": (0.015, 0.09), "eps_np_np": (0.2, 2.4), "eps_p_np": (0.2, 1.45)}
    widths, inside = [], []
    for low, high in [(2.1, 2.7), (3.3, 3.7), (3.9, 4.1), (4.9, 5.0)]:
        points = [
            {"D": random.uniform(low, high)} | {name: float(random.uniform(*ends)) for name, ends in box.items()}
            for _ in range(40)
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DomainWarning)
            rdfs = nanonet.load("nanonet_best").predict([point | {"N": round(point["N"])} for point in points])
        edges = [np.log10(np.maximum([rdf.g_high, rdf.g_low], 0.01))[:, rdf.g >= 0.01] for rdf in rdfs]
        widths.append(np.mean([(top - bottom).mean() for top, bottom in edges]))
        inside.append(np.mean([rdf.in_domain for rdf in rdfs]))
    assert inside[0] > 0.9
    assert inside[-1] == 0
    # Each step away from what has been simulated widens it by a fifth at least.
    assert all(far > 1.2 * near for near, far in pairwise(widths)), widths


def test_the_command_and_where_it_may_write(tmp_path: Path) -> None:
    numbers = ["--D", "2.6", "--N", "32", "--phi", "0.05", "--eps-np-np", "1.2", "--eps-p-np", "1.2"]
    file = tmp_path / "rdf.csv"
    done = CliRunner().invoke(cli.app, ["predict", *numbers, "--output", str(file)])
    assert done.exit_code == 0, done.output
    assert len(file.read_text(encoding="utf-8").splitlines()) == 101
    done = CliRunner().invoke(cli.app, ["predict", *numbers, "--output", str(tmp_path / "nope" / "rdf.csv")])
    assert isinstance(done.exception, InputError)
    assert "which is not a folder" in str(done.exception)
    done = CliRunner().invoke(cli.app, ["predict", *numbers, "--set", "D=3"])
    assert "D is given twice" in str(done.exception)


def test_the_default_is_the_better_one() -> None:
    assert nanonet.load().checkpoint.name == "nanonet_best"
    errors = [nanonet.load(name).checkpoint.info["scores"]["held-out"]["log_error"] for name in ("best", "paper")]
    assert errors[0]["high"] < errors[1]["low"]


def test_the_paper_has_its_model() -> None:
    config = nanonet.load("paper").checkpoint.info["config"]
    assert config["representation"]["of"]["_target_"].endswith("RDFImage")
    assert config["representation"]["autoencoder"]["latent"] == 8
    assert config["representation"]["fit"]["epochs"] == 400
    assert config["regressor"]["n_trees"] == 20
