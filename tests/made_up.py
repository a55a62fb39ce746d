"""Made-up RDFs for tests: smooth functions of the composition with noise, nothing physical.

No model that anybody uses may be trained on them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from nanonet.data import store
from nanonet.data.table import Table
from nanonet.domain.rdf import standard_grid
from nanonet.paths import CONF
from nanonet.units import LJ_MINIMUM


def compositions(n: int, seed: int = 0) -> list[dict[str, float]]:
    """n points of the paper's ranges."""
    random = np.random.default_rng(seed)
    points = []
    for _ in range(n):
        diameter, phi = random.uniform(2, 4), random.uniform(0.02, 0.1)
        points.append(
            {
                "D": diameter,
                "N": int(random.integers(25, 41)),
                "rho": 6 * phi / (np.pi * diameter**3),
                "eps_np_np": random.uniform(0.1, 2.5),
                "eps_p_np": random.uniform(0.1, 1.5),
            }
        )
    return points


#: Repeat units of ordinary polymers, and ions, for made-up electrolytes.
POLYMERS = (
    "*CCO*",
    "*CC(*)C#N",
    "*CCOC(=O)O*",
    "*CC(*)(C)C(=O)OC",
    "*CCN*",
    "*O[Si](*)(C)C",
    "*CC(*)O",
    "*CCCCCC(=O)O*",
)
SALTS = ("F[B-](F)(F)F.[Li+]", "O=S(=O)([O-])C(F)(F)F.[Li+]", "F[P-](F)(F)(F)(F)F.[Li+]")


def electrolytes(n: int, seed: int = 0) -> Table:
    """Inputs of n made-up electrolytes, each polymer several times."""
    random = np.random.default_rng(seed)
    return Table(
        {
            "polymer": [POLYMERS[row % len(POLYMERS)] for row in range(n)],
            "salt": [SALTS[random.integers(len(SALTS))] for _ in range(n)],
            "molality": random.uniform(0.2, 3.0, n),
            "log10_molar_mass": random.uniform(3.0, 6.0, n),
            "molar_mass_known": np.array([float(row % 4 > 0) for row in range(n)]),
            "temperature": random.uniform(0.0, 100.0, n),
        }
    )


def blends(n: int, seed: int = 0) -> Table:
    """Inputs of n made-up blends; each polymer occurs several times, also with itself."""
    random = np.random.default_rng(seed)
    own = {text: 0.2 + 0.02 * len(text) for text in POLYMERS}
    first = [POLYMERS[row % len(POLYMERS)] for row in range(n)]
    second = [POLYMERS[int(random.integers(len(POLYMERS)))] for _ in range(n)]
    return Table(
        {
            "smiles1": first,
            "smiles2": second,
            "tc1": [own[text] for text in first],
            "tc2": [own[text] for text in second],
            "fraction": random.choice([1 / 6, 0.5, 5 / 6], n),
        }
    )


def g_of(point: dict[str, float]) -> np.ndarray:
    """An empty core, a peak at contact that grows with eps_np_np, one behind it with eps_p_np."""
    r, diameter = standard_grid(), point["D"]
    contact, bridge = LJ_MINIMUM * diameter, LJ_MINIMUM * (diameter + 1)
    g = 1.0 + (1 + 4 * point["eps_np_np"]) * np.exp(-(((r - contact) / 0.25) ** 2))
    g += (0.5 + 2 * point["eps_p_np"]) * np.exp(-(((r - bridge) / 0.4) ** 2))
    return g / (1.0 + np.exp(-(r - 0.95 * diameter) / 0.05)) * (r > 0.8 * diameter)


def record(name: str, point: dict[str, float], seed: int, **changes: object) -> dict[str, object]:
    """One record of the store with noise of 2 %."""
    random = np.random.default_rng(seed)
    clean = g_of(point)
    g = clean * (1 + 0.02 * random.standard_normal(clean.size))
    text = {"reasons": "", "versions": "{}", "created": "2026-01-01"}
    row: dict[str, object] = dict.fromkeys(store.VARIABLES, 0.0)
    row |= {"record": name, "group": name.split("/", maxsplit=1)[0], **point, "rho_target": point["rho"], "phi": 0.05}
    row |= {"g": g, "g_error": 0.02 * clean, "g_block": np.stack([g, g]), "block_frames": np.array([10, 10])}
    row |= {"n_blocks": 2, "n_frames": 20, "verdict": "passed", "engine": "ideal", "device": "cpu", **text}
    row |= {"preset": "made-up", "start": "dispersed", "capped": False, "steps_production": 100}
    row |= {"volume_factor": 1.0, **changes}
    return row


def write_records(file: Path, n: int = 16, replicas: int = 2, seed: int = 0, random_g: str = "") -> Path:
    """A store file of n made-up compositions, of which ``replicas`` have a second record.

    Nothing can be learned where ``random_g`` is ``shuffled``, the RDF of another composition, or ``numbers``, random
    numbers behind an empty core; replicas share them.
    """
    rows = []
    random = np.random.default_rng(seed)
    shuffled = random.permutation(n)
    points = compositions(n, seed)
    for number, point in enumerate(points):
        extra = {}
        if random_g == "shuffled":
            extra["g"] = g_of(points[shuffled[number]])
        elif random_g == "numbers":
            extra["g"] = np.exp(random.normal(0, 1, 100)) * (np.arange(100) >= random.integers(15, 35))
        rows.append(record(f"c{number:03d}/0", point, 2 * number, **extra))
        if number < replicas:
            rows.append(record(f"c{number:03d}/1", point, 2 * number + 1, **extra))
    return store.write(store.from_records(rows, standard_grid()), file)


def configuration(root: str, *overrides: str) -> dict[str, Any]:
    """What Hydra hands to an entry point, as plain values."""
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    with initialize_config_dir(str(CONF), version_base="1.3"):
        composed = compose(root, overrides=list(overrides))
    values: Any = OmegaConf.to_container(composed, resolve=True)
    return dict(values)


def is_conditioned(file: Path) -> bool:
    """Whether a YAML file of conf/representation names one whose mapping depends on the inputs."""
    import importlib

    import yaml

    module, _, name = yaml.safe_load(file.read_text(encoding="utf-8"))["_target_"].rpartition(".")
    return hasattr(getattr(importlib.import_module(module), name), "needs")


def quick_run(folder: Path, *overrides: str, n: int = 16) -> Path:
    """Train on made-up records without a network; returns the run's folder."""
    from nanonet.training.run import train

    file = write_records(folder / "records.nc", n=n)
    return train(
        configuration(
            "train",
            "+experiment=nanonet",
            f"dataset.path={file}",
            f"folder={folder / 'runs'}",
            "progress=false",
            "tensorboard=false",
            *(overrides or ("representation=pca", "figures=false")),
        )
    )
