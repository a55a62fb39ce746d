"""What a prediction costs: cold, warm and in a batch, beside plain Keras and scikit-learn, in one run.

The model is the shipped checkpoint of the paper's pipeline; *default* is the one of `nanonet.predict` without a
name. The *plain path* is what one would write first: the
same decoder by `keras.Model.predict` and the same forest by scikit-learn, images read back by the
same inverse. *nanonet* is `nanonet.predict` with band, domain check and RDF objects.
"""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import nanonet
from benchmarks import Figure, repeat
from nanonet.errors import DomainWarning
from nanonet.inference import find
from tests.made_up import compositions

NAMES = ("D", "N", "rho", "eps_np_np", "eps_p_np")
ONE = dict(zip(NAMES, (3.0, 33, 0.004, 1.2, 0.8), strict=True))

COLD = "import sys, nanonet; nanonet.predict(model=sys.argv[1], D=3, N=33, rho=0.004, eps_np_np=1.2, eps_p_np=0.8)"
COLD_PLAIN = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras, numpy
import sklearn.ensemble
decoder = keras.models.load_model(sys.argv[1] + "/representation/decoder.keras", compile=False)
decoder.predict(numpy.zeros((1, 1, 1, 8)), verbose=0)
"""


def _process(code: str, model: str) -> None:
    subprocess.run([sys.executable, "-c", code, model], check=True, capture_output=True)


def measure() -> Iterator[Figure]:
    """Wall times; the process ones of whole Python processes."""
    warnings.simplefilter("ignore", DomainWarning)
    model, default = str(find("paper")), str(find())
    cold, spread = repeat(lambda: _process(COLD, default), times=7)
    yield Figure("cold, default: python -c 'import nanonet; nanonet.predict(...)'", cold, "s", spread, at_most=1.0)
    usual = nanonet.load(default)
    warm, spread = repeat(lambda: usual.predict(**ONE), times=101, warm_up=10)
    yield Figure("warm, default: one composition, band and all", 1e3 * warm, "ms", 1e3 * spread, at_most=5.0)
    cold, spread = repeat(lambda: _process(COLD, model), times=7)
    yield Figure("cold: python -c 'import nanonet; nanonet.predict(...)'", cold, "s", spread, at_most=1.0)
    plain, plain_spread = repeat(lambda: _process(COLD_PLAIN, model), times=3)
    yield Figure("cold, plain path (imports, decoder, one image)", plain, "s", plain_spread)

    predictor = nanonet.load(model)
    warm, spread = repeat(lambda: predictor.predict(**ONE), times=101, warm_up=10)
    yield Figure("warm: one composition, band and all", 1e3 * warm, "ms", 1e3 * spread, at_most=5.0)
    table = np.array([[row[name] for name in NAMES] for row in compositions(1000, seed=4)])
    usually, spread = repeat(lambda: usual.predict(table), times=5)
    yield Figure("batch of 1,000, default: to RDF objects with bands", usually, "s", spread)
    batch, spread = repeat(lambda: predictor.predict(table), times=5)
    yield Figure("batch of 1,000: nanonet, to RDF objects with bands", batch, "s", spread)

    decoder, forest, surrogate = _plain(model, predictor)
    one, one_spread = repeat(lambda: _plain_path(table[:1], decoder, forest, surrogate), times=21)
    yield Figure("warm, plain path: one composition, no band", 1e3 * one, "ms", 1e3 * one_spread)
    whole, whole_spread = repeat(lambda: _plain_path(table, decoder, forest, surrogate), times=5)
    yield Figure("batch of 1,000: plain path, no band", whole, "s", whole_spread)
    codes = np.zeros((1000, 1, 1, 8), dtype=np.float32)
    alone, alone_spread = repeat(lambda: decoder.predict(codes, verbose=0), times=5)
    yield Figure("batch of 1,000: the decoder's own Keras predict", alone, "s", alone_spread)
    yield Figure("batch of 1,000: all of nanonet over the decoder's Keras predict", batch / alone, "1", at_most=1.0)


def _plain(model: str, predictor: Any) -> tuple[Any, Any, Any]:
    """The decoder in Keras, a forest of the same size in scikit-learn, and the loaded surrogate."""
    from sklearn.ensemble import RandomForestRegressor

    from nanonet.networks.export import load_network

    surrogate = predictor.checkpoint.surrogate
    random = np.random.default_rng(0)
    forest = RandomForestRegressor(20, random_state=0).fit(random.random((20, 5)), random.random((20, 8)))
    return load_network(Path(model) / "representation" / "decoder.keras"), forest, surrogate


def _plain_path(table: Any, decoder: Any, forest: Any, surrogate: Any) -> Any:
    codes = forest.predict(table).reshape(-1, 1, 1, 8)
    return surrogate.representation.of.decode(decoder.predict(codes.astype(np.float32), verbose=0))
