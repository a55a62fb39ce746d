"""``python -m nanonet.train +experiment=NAME``: train a surrogate from configuration.

One of the two modules that know Hydra; it hands plain values to :func:`nanonet.training.run.train`.
"""

from __future__ import annotations

import sys

from nanonet.errors import MissingDependencyError
from nanonet.paths import CONF
from nanonet.training.launch import guided, launch
from nanonet.training.run import train

try:
    import hydra
    from omegaconf import DictConfig, OmegaConf
except ImportError as error:
    raise MissingDependencyError(
        "training needs hydra-core, which is not installed: pip install 'nanonet[train]'"
    ) from error


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="train")
def main(config: DictConfig) -> None:
    """Train as the configuration says."""
    values = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    command = " ".join(["python -m nanonet.train", *sys.argv[1:]])
    launch(lambda: train({str(key): value for key, value in dict(values).items()}, command=command))  # type: ignore[arg-type]


if __name__ == "__main__":
    guided(main, "nanonet.train")
