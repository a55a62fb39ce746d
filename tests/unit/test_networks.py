"""Networks: the paper's architecture, how one is fitted, and its graph without Keras."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nanonet.errors import CheckpointError, ConfigError
from nanonet.networks.autoencoder import CurveAutoencoder, ImageAutoencoder, join
from nanonet.networks.backend import apply, load_keras, seed_everything
from nanonet.networks.dense import build_dense, build_side_by_side
from nanonet.networks.export import check_archive, load_network, save_network
from nanonet.networks.fit import Fit, architecture, session
from nanonet.networks.graph import sequential_graph, supported
from nanonet.networks.readers import build_reader
from nanonet.networks.runtime import OnnxNetwork

X = np.random.default_rng(0).random((12, 3))
Y = X @ np.array([[1.0], [2.0], [-1.0]])


def test_the_paper_s_numbers_of_parameters() -> None:
    encoder, decoder = ImageAutoencoder().build((64, 64, 1))
    assert (encoder.count_params(), decoder.count_params()) == (36_456, 37_033)
    assert encoder.output_shape == (None, 1, 1, 8)
    assert decoder.output_shape == (None, 64, 64, 1)
    kinds = [type(layer).__name__ for layer in (*encoder.layers, *decoder.layers)]
    assert "Dense" not in kinds
    assert kinds == ["Conv2D", "MaxPooling2D"] * 6 + ["Conv2DTranspose", "UpSampling2D"] * 6 + ["Conv2D"]
    assert [layer.filters for layer in encoder.layers[::2]] == [64, 32, 32, 16, 16, 8]
    assert [layer.filters for layer in decoder.layers[::2]] == [8, 16, 16, 32, 32, 64, 1]


def test_a_shape_that_does_not_fit() -> None:
    with pytest.raises(ConfigError, match="64 x 64"):
        ImageAutoencoder().build((32, 32, 1))
    assert CurveAutoencoder().build((93, 1))[1].output_shape == (None, 93, 1)


@pytest.mark.parametrize("latent", [1, 5])
def test_the_graph_gives_the_network_s_numbers(latent: int) -> None:
    random = np.random.default_rng(1)
    models = (*ImageAutoencoder(latent=latent, filters=(6, 4), output="sigmoid").build((8, 8, 1)), build_dense(3, 2))
    for model in models:
        for variable in model.weights:
            variable.assign(random.normal(0, 0.4, variable.shape))
        sample = random.random((3, *model.input_shape[1:])).astype(np.float32)
        assert supported(model)
        np.testing.assert_allclose(OnnxNetwork(sequential_graph(model))(sample), apply(model, sample), atol=1e-5)


def test_a_graph_that_is_not_written_by_hand_is_exported(tmp_path: Path) -> None:
    encoder, _ = CurveAutoencoder(latent=2, filters=4).build((20, 1))
    assert not supported(encoder)
    sample = np.random.default_rng(0).random((2, 20, 1)).astype(np.float32)
    save_network(encoder, tmp_path, "encoder", sample)
    np.testing.assert_allclose(OnnxNetwork.read(tmp_path / "encoder.onnx")(sample), apply(encoder, sample), atol=1e-5)


def test_an_interrupted_fit_goes_on_and_a_finished_one_is_not_done_again(tmp_path: Path) -> None:
    class Kill(load_keras().callbacks.Callback):  # type: ignore[misc]
        def on_epoch_end(self, epoch: int, logs: object = None) -> None:
            if epoch + 1 == 4:
                raise KeyboardInterrupt

    def fit(*killers: object) -> tuple[list[float], np.ndarray]:
        seed_everything(1)
        model = build_dense(3, 1, hidden=(4,))
        original = model.fit
        model.fit = lambda *a, **k: original(*a, **{**k, "callbacks": [*k["callbacks"], *killers]})
        with session(tmp_path) as around:
            history = Fit(epochs=6, save_every=2, seed=1).run(model, X, Y, name="dense")
            assert around.histories["dense"] is history
        return history["loss"], apply(model, X)

    with pytest.raises(KeyboardInterrupt):
        fit(Kill())
    losses, predicted = fit()
    assert len(losses) == 6
    again, same = fit()
    assert again == losses
    np.testing.assert_array_equal(predicted, same)
    assert len(list(tmp_path.iterdir())) == 1


def test_networks_that_differ_in_what_has_no_weights_are_told_apart(tmp_path: Path) -> None:
    found = {}
    with session(tmp_path):
        for activation in ("relu", "tanh", "relu"):
            seed_everything(1)
            model = build_dense(3, 1, hidden=(4,), activation=activation)
            Fit(epochs=2, seed=1).run(model, X, Y, name="dense")
            found.setdefault(activation, []).append(apply(model, X))
    assert len(list(tmp_path.iterdir())) == 2
    np.testing.assert_array_equal(*found["relu"])
    seed_everything(1)
    alone = build_dense(3, 1, hidden=(4,), activation="tanh")
    Fit(epochs=2, seed=1).run(alone, X, Y, name="dense")
    np.testing.assert_allclose(found["tanh"][0], apply(alone, X), atol=1e-6)


@pytest.mark.parametrize(
    "build",
    [
        lambda rate: build_reader(5, 2, None, (8,), "relu", "none", rate),
        lambda rate: build_side_by_side(5, 2, (8,), "relu" if rate > 0.2 else "tanh", 3),
        lambda rate: join(*ImageAutoencoder(output="sigmoid" if rate > 0.2 else "linear").build((64, 64, 1))),
        lambda rate: join(*CurveAutoencoder(filters=round(100 * rate)).build((100, 1))),
    ],
)
def test_the_same_architecture_is_the_same_however_often_it_is_built(build: Callable[[float], Any]) -> None:
    texts = [json.dumps(architecture(build(rate))) for rate in (0.1, 0.4, 0.1)]
    assert texts[0] == texts[2] != texts[1]


def test_early_stopping_does_not_go_on_without_its_memory(tmp_path: Path) -> None:
    def fit(epochs: int) -> int:
        seed_everything(1)
        with session(tmp_path):
            model = build_dense(3, 1, hidden=(4,))
            return len(Fit(epochs=epochs, save_every=2, patience=50).run(model, X, Y, name="dense")["loss"])

    class Kill(load_keras().callbacks.Callback):  # type: ignore[misc]
        def on_epoch_end(self, epoch: int, logs: object = None) -> None:
            if epoch + 1 == 4:
                raise KeyboardInterrupt

    seed_everything(1)
    model = build_dense(3, 1, hidden=(4,))
    original = model.fit
    model.fit = lambda *a, **k: original(*a, **{**k, "callbacks": [*k["callbacks"], Kill()]})
    with session(tmp_path), pytest.raises(KeyboardInterrupt):
        Fit(epochs=6, save_every=2, patience=50).run(model, X, Y, name="dense")
    # From the beginning: six epochs, not the two that were left.
    assert fit(6) == 6
    assert fit(6) == 6
    assert len(list(tmp_path.iterdir())) == 1


def test_the_validation_loss_is_that_of_keras() -> None:
    """Over batches that are not of one size."""
    seed_everything(0)
    x = np.random.default_rng(0).random((24, 3))
    y = np.column_stack([x.sum(axis=1), x[:, 0] * x[:, 1]])
    fit = Fit(epochs=2, batch_size=4, validation=0.4)
    model = build_dense(3, 2)
    _, watched = fit.parts(len(x))
    assert len(watched) == 10
    history = fit.run(model, x, y, name="x")
    assert history["val_loss"][-1] == pytest.approx(model.evaluate(x[watched], y[watched], verbose=0), rel=1e-5)
    assert len(history["loss"]) == len(history["val_loss"]) == 2


def test_early_stop_and_validation() -> None:
    model = build_dense(3, 1, hidden=(4,))
    history = Fit(epochs=30, learning_rate=1.0, patience=2).run(model, X, Y, name="dense")
    assert len(history["val_loss"]) < 30
    train, watched = Fit(validation=0.2).parts(12)
    assert (len(train), len(watched)) == (10, 2)
    assert not set(train) & set(watched)
    assert len(Fit().parts(4)[1]) == 0


@pytest.mark.parametrize("changes", [{"epochs": 0}, {"validation": 1.0}, {"patience": 3, "validation": 0.0}])
def test_a_fit_that_cannot_be(changes: dict) -> None:
    with pytest.raises(ConfigError):
        Fit(**changes)


def test_a_keras_file_with_code_is_refused(tmp_path: Path) -> None:
    keras = load_keras()
    file = tmp_path / "evil.keras"
    keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x)]).save(file)
    with pytest.raises(CheckpointError, match="Lambda"):
        load_network(file)
    good = tmp_path / "good.keras"
    build_dense(2, 1).save(good)
    assert load_network(good).count_params() == build_dense(2, 1).count_params()
    other = tmp_path / "other.keras"
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(other, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "config.json":
                config = json.loads(content)
                config["config"]["layers"][0]["module"] = "os"
                content = json.dumps(config).encode()
            target.writestr(name, content)
    with pytest.raises(CheckpointError, match="os"):
        check_archive(other)
    other.write_bytes(b"no archive")
    with pytest.raises(CheckpointError, match="not a Keras model"):
        check_archive(other)


OTHER = """
import numpy as np
from nanonet.networks.autoencoder import ImageAutoencoder
from nanonet.networks.backend import load_keras
from nanonet.networks.fit import Fit
from nanonet.parts import load_part, save_part
from nanonet.representations.base import Representation
from nanonet.representations.image import RDFImage
from nanonet.representations.latent import Latent
from pathlib import Path
import sys
g = 1.0 + np.random.default_rng(0).random((6, 100))
latent = Latent(RDFImage(), ImageAutoencoder(latent=4, filters=[4] * 5), Fit(epochs=2, validation=0.0)).fit(g)
save_part(latent, Path(sys.argv[1]))
back = load_part(Path(sys.argv[1]), Representation)
codes = latent.encode(g)
np.testing.assert_allclose(back.encode(g), codes, atol=1e-5)
np.testing.assert_allclose(back.decode(codes), latent.decode(codes), rtol=1e-3, atol=1e-3)
print(load_keras().backend.backend(), len(latent.history["loss"]))
"""


def test_another_backend_trains_and_its_graph_predicts(tmp_path: Path) -> None:
    backend = "jax"
    pytest.importorskip(backend, reason=f"the Keras backend {backend} is not installed; pip install {backend}")
    environment = {**os.environ, "KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", OTHER, str(tmp_path / "part")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == [backend, "2"]
