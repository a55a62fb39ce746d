"""``python -m nanonet.evaluate``: tables and figures of models.

::

    python -m nanonet.evaluate                              # all models of conf/comparison in one table
    python -m nanonet.evaluate comparison=latent_size       # a study of one setting
    python -m nanonet.evaluate comparison=learning_curve    # errors against how much there is to learn from
    python -m nanonet.evaluate comparison.sizes=[20,40]     # the same, of the models of any comparison
    python -m nanonet.evaluate comparison=blend_atlas       # how records lie in several feature spaces
    python -m nanonet.evaluate checkpoint=nanonet           # a checkpoint, by name or folder

The other of the two modules that know Hydra.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nanonet.errors import ConfigError, MissingDependencyError
from nanonet.paths import CONF
from nanonet.training.atlas import atlas
from nanonet.training.compare import compare, study
from nanonet.training.launch import guided, launch
from nanonet.training.learning_curve import learning_curve
from nanonet.training.revisit import revisit
from nanonet.training.run import check_keys

try:
    import hydra
    from omegaconf import DictConfig, OmegaConf
except ImportError as error:
    raise MissingDependencyError(
        "evaluating needs hydra-core, which is not installed: pip install 'nanonet[train]'"
    ) from error

KEYS = {
    "name", "seed", "dataset", "split", "metrics", "calibration", "folder", "progress", "figures", "checkpoint",
    "comparison", "model", "workers",
}  # fmt: skip


def evaluate(config: dict[str, Any]) -> Path:
    """Do what the configuration asks for; returns the folder with the result.

    Raises:
        ConfigError: unknown or missing keys.
    """
    check_keys(config, KEYS)
    if config["checkpoint"] is not None:
        return revisit(config, str(config["checkpoint"]))
    task = dict(config["comparison"])
    settings = {**config, "name": task.pop("name"), "reference": task.pop("reference", None)}
    vary, models, spaces, sizes = (task.pop(key, None) for key in ("vary", "models", "atlas", "sizes"))
    if task or (spaces is None) == (vary is None and models is None):
        raise ConfigError(
            "a comparison has the keys name, reference and models (perhaps with sizes), vary (of the model, or of all "
            f"models) or atlas, got {', '.join(config['comparison'])}"
        )
    if sizes is not None:
        if models is None or vary is not None:
            raise ConfigError("sizes are of a comparison of models, which this one is not; name another comparison")
        return learning_curve(settings, models, sizes)
    if spaces is not None:
        return atlas(settings, spaces)
    if vary is None:
        return compare(settings, models)
    return study(settings, {"model": config["model"]} if models is None else models, vary)


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="evaluate")
def main(config: DictConfig) -> None:
    """Evaluate as the configuration says."""
    values = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    launch(lambda: evaluate({str(key): value for key, value in dict(values).items()}))  # type: ignore[arg-type]


if __name__ == "__main__":
    guided(main, "nanonet.evaluate")
