"""``python -m nanonet.active``: which candidates to simulate or measure next, and a virtual test of it.

::

    python -m nanonet.active campaign=blend_tc         # strategies against each other, on answers that are known
    python -m nanonet.active campaign=blend_tc_cold    # the same, with ten labels known
    python -m nanonet.active campaign=blend_tc_search candidates=pool.csv oracle.folder=jobs     # with your simulator

A module that knows Hydra; it hands plain values to :func:`nanonet.training.active.campaign.run`.
"""

from __future__ import annotations

import sys

from nanonet.errors import MissingDependencyError
from nanonet.paths import CONF
from nanonet.training.active.campaign import run
from nanonet.training.launch import guided, launch

try:
    import hydra
    from omegaconf import DictConfig, OmegaConf
except ImportError as error:
    raise MissingDependencyError(
        "active learning from configuration needs hydra-core, which is not installed: pip install 'nanonet[train]'"
    ) from error


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="active")
def main(config: DictConfig) -> None:
    """Learn actively as the configuration says."""
    values = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    command = " ".join(["python -m nanonet.active", *sys.argv[1:]])
    launch(lambda: run({str(key): value for key, value in dict(values).items()}, command=command))  # type: ignore[arg-type]


if __name__ == "__main__":
    guided(main, "nanonet.active")
