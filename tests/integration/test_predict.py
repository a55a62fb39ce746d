"""nanonet.predict and the command nanonet, on a checkpoint of made-up records."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nanonet
from nanonet.errors import CheckpointError, DomainWarning, InputError
from nanonet.inference import Predictor
from tests.made_up import quick_run

NUMBERS = {"D": 3.0, "N": 33, "rho": 0.004, "eps_np_np": 1.2, "eps_p_np": 0.8}
FLAGS = ["--D", "3", "--N", "33", "--rho", "0.004", "--eps-np-np", "1.2", "--eps-p-np", "0.8"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with an autoencoder, fitted for two epochs, and a PCA without a network."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def model(folder: Path) -> str:
    return str(
        quick_run(folder, "representation=pca", "figures=false", "split=kfold", "refit=true", n=30) / "checkpoint"
    )


@pytest.fixture(scope="module")
def predictor(model: str) -> Predictor:
    return nanonet.load(model)


def test_a_line_gives_an_rdf(model: str) -> None:
    rdf = nanonet.predict(model=model, **NUMBERS)
    assert isinstance(rdf, nanonet.RDF)
    assert rdf.in_domain
    assert rdf.r.shape == rdf.g.shape == (100,)
    assert (rdf.g_low <= rdf.g).all()
    assert (rdf.g <= rdf.g_high).all()
    assert rdf.first_peak is None or rdf.first_peak.position > 0
    assert rdf.phase in {"aggregated", "bridged", "dispersed"}
    assert rdf.plot() is not None


def test_all_forms_give_the_same(model: str) -> None:
    import pandas as pd

    g = nanonet.predict(model=model, **NUMBERS).g
    row = list(NUMBERS.values())
    for single in (nanonet.Composition(**NUMBERS), NUMBERS, row, pd.Series(NUMBERS)):  # type: ignore[arg-type]
        np.testing.assert_array_equal(nanonet.predict(single, model=model).g, g)
    for table in (np.array([row, row]), pd.DataFrame([NUMBERS, NUMBERS]), [NUMBERS, row]):
        many = nanonet.predict(table, model=model)
        assert len(many) == 2
        np.testing.assert_allclose(many[1].g, g, atol=1e-12)


def test_outside_warns_with_the_number_and_the_nearest_point(model: str) -> None:
    with pytest.warns(DomainWarning, match=r"D = 12 is outside .* nearest known point is D="):
        rdf = nanonet.predict(model=model, **{**NUMBERS, "D": 12, "rho": 1e-4})
    assert rdf.in_domain is False
    with pytest.raises(InputError, match="strict"):
        nanonet.predict(model=model, strict=True, **{**NUMBERS, "D": 12, "rho": 1e-4})
    with pytest.warns(DomainWarning, match="1 of 2 rows; the first is row 1"):
        nanonet.predict([NUMBERS, {**NUMBERS, "eps_p_np": 9.0}], model=model)


def test_the_warning_points_at_the_line_that_asked(model: str) -> None:
    outside = {**NUMBERS, "D": 12, "rho": 1e-4}
    predictor = nanonet.load(model)
    for ask in (
        lambda: nanonet.predict(model=model, **outside),
        lambda: predictor.predict(**outside),
        lambda: predictor.arrays(**outside),
    ):
        with pytest.warns(DomainWarning) as caught:
            ask()
        assert caught[0].filename == __file__
        assert caught[0].lineno == ask.__code__.co_firstlineno


def test_without_a_default_checkpoint_the_error_names_the_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("nanonet.paths.CHECKPOINTS", tmp_path)
    with pytest.raises(CheckpointError, match=r"python -m nanonet.train \+experiment=nanonet"):
        nanonet.predict(**NUMBERS)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.fixed_dictionaries(
        {
            "D": st.floats(0, 25) | st.none(),
            "N": st.integers(-5, 20_000) | st.floats(),
            "rho": st.floats(0, 0.2),
            "eps_np_np": st.floats(-1, 30),
            "eps_p_np": st.floats() | st.text(max_size=2),
        }
    )
)
@pytest.mark.filterwarnings("ignore::nanonet.errors.DomainWarning")
def test_any_five_numbers_give_an_rdf_or_a_clear_error(predictor: Predictor, numbers: dict[str, Any]) -> None:
    try:
        rdf = predictor.predict(**numbers)
    except InputError as error:
        assert len(str(error)) > 20  # noqa: PT017
    else:
        assert np.isfinite(rdf.g).all()
        assert (rdf.g_low <= rdf.g_high).all()


def _command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "nanonet.cli", *arguments], capture_output=True, text=True, check=False
    )


def test_the_command_writes_csv_json_png(model: str, tmp_path: Path) -> None:
    table = _command("predict", *FLAGS, "--model", model)
    assert table.returncode == 0, table.stderr
    assert "g_high" in table.stdout
    rows = list(csv.DictReader(io.StringIO(_command("predict", *FLAGS, "-m", model, "-f", "csv").stdout)))
    assert len(rows) == 100
    assert float(rows[0]["r"]) == 0.05
    source = tmp_path / "in.csv"
    source.write_text("D,N,phi,eps_np_np,eps_p_np\n3,33,0.06,1.2,0.8\n2.5,30,0.05,1,1\n")
    for name in ("out.csv", "out.json", "out.png"):
        done = _command("predict", "-i", str(source), "-m", model, "-o", str(tmp_path / name))
        assert done.returncode == 0, done.stderr
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 201
    assert len(json.loads((tmp_path / "out.json").read_text())) == 2
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")


def test_the_command_fails_in_one_line(model: str, tmp_path: Path) -> None:
    for arguments in (
        ["predict", *FLAGS, "-m", "nonesuch"],
        ["predict", "--D", "3", "-m", model],
        ["predict", *FLAGS, "-m", model, "-o", str(tmp_path / "out.xls")],
        ["predict", "-i", str(tmp_path / "none.csv"), "-m", model],
        ["predict", "-m", model],
        ["info", "nonesuch"],
    ):
        done = _command(*arguments)
        assert done.returncode == 1, arguments
        assert done.stderr.startswith("error: "), done.stderr
        assert "Traceback" not in done.stderr
        assert done.stdout == ""


def test_what_a_model_is_says_its_units(model: str) -> None:
    told = _command("info", model).stdout
    assert "learned from" in told
    assert {"D [sigma]", "rho [sigma^-3]", "eps_p_np [epsilon]", "log_error [decades]"} <= set(
        re.findall(r"│ (\w+ \[.*?\])", told)
    )
    assert re.search(r"│ N +│", told), "a number without a unit has none"


LIGHT = """
import sys
import nanonet
rdf = nanonet.predict(model=sys.argv[1], D=3.0, N=33, rho=0.004, eps_np_np=1.2, eps_p_np=0.8)
heavy = {"tensorflow", "keras", "sklearn", "scipy", "pandas", "xarray", "matplotlib", "PIL", "hydra", "onnx"}
print(sorted(heavy & set(sys.modules)), rdf.g.shape)
"""


def test_predicting_with_an_autoencoder_is_light_and_gives_the_network_s_numbers(folder: Path) -> None:
    from nanonet.data.table import Table
    from nanonet.networks.export import load_network

    run = quick_run(folder, "representation.fit.epochs=2", "figures=false", "regressor.n_trees=5")
    model = run / "checkpoint"
    done = subprocess.run([sys.executable, "-c", LIGHT, str(model)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[] (100,)"
    # The same through Keras: forest by hand, decoder from the .keras file.
    surrogate = nanonet.load(model).checkpoint.surrogate
    latent: Any = surrogate.representation
    codes = surrogate.predicted_codes(Table({name: [value] for name, value in NUMBERS.items()}))
    decoder = load_network(model / "representation" / "decoder.keras")
    hidden = codes * (latent._state["high"] - latent._state["low"]) + latent._state["low"]
    by_keras = decoder.predict(hidden.reshape(-1, 1, 1, 8).astype("float32"), verbose=0)
    np.testing.assert_allclose(latent._decoder(hidden.reshape(-1, 1, 1, 8)), by_keras, atol=1e-5)
