"""Gradient-boosted trees by LightGBM, kept in its own text format."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from nanonet.arrays import FloatArray
from nanonet.errors import CheckpointError, ConfigError, MissingDependencyError, NotFittedError
from nanonet.parts import load_arrays, load_config, save_arrays
from nanonet.regressors.base import Groups, query_array, training_arrays
from nanonet.seeds import derive, generator

OBJECTIVES = ("regression", "regression_l1", "huber")


class LightGBM:
    """A sum of leaf-wise grown trees per code (Ke et al. 2017); each member learns from another draw of groups.

    Several members differ in their seed and, with ``share`` below 1, in the groups that they see
    (drawn without replacement), so that their spread says how far the answer depends on them.

    Records of a group with n records weigh (n + 20)^-balance each: with 0 all records count the
    same, with 1 a group of thousands hardly counts more than one of a hundred.

    Args:
        n_trees: trees per code and member.
        learning_rate: part of each tree that is added.
        leaves: most leaves of a tree.
        min_leaf: fewest records in a leaf.
        columns: share of the columns that each tree may use.
        rows: share of the records that each tree sees.
        penalty: L2 penalty on the leaves.
        objective: ``regression`` (squares), ``regression_l1`` or ``huber``.
        balance: see above, 0 to 1.
        falling, rising: numbers of columns in which no code may rise, or fall. With 1000/T in column 0, ``falling:
            [0]`` makes every curve rise with temperature.
        n_members: of the ensemble.
        share: of the groups that each member sees; of the records where there are no groups.
        seed: of draws and members.

    Raises:
        ConfigError: a number is out of its range.
    """

    memorises: ClassVar[float] = 0.5

    def __init__(
        self,
        n_trees: int = 300,
        learning_rate: float = 0.05,
        leaves: int = 15,
        min_leaf: int = 10,
        columns: float = 0.3,
        rows: float = 0.7,
        penalty: float = 0.0,
        objective: str = "regression",
        balance: float = 0.0,
        falling: Sequence[int] = (),
        rising: Sequence[int] = (),
        n_members: int = 1,
        share: float = 1.0,
        seed: int | None = 0,
    ) -> None:
        if min(n_trees, min_leaf, n_members) < 1 or leaves < 2 or not learning_rate > 0 or penalty < 0:
            raise ConfigError(
                "n_trees, min_leaf, n_members and learning_rate must be positive, leaves at least 2 and penalty not "
                f"negative, got {n_trees!r}, {min_leaf!r}, {n_members!r}, {learning_rate!r}, {leaves!r}, {penalty!r}"
            )
        if not 0 < columns <= 1 or not 0 < rows <= 1 or not 0 < share <= 1 or not 0 <= balance <= 1:
            raise ConfigError(
                f"columns, rows and share must lie in (0, 1] and balance in [0, 1], got {columns!r}, {rows!r}, "
                f"{share!r}, {balance!r}"
            )
        if objective not in OBJECTIVES or set(falling) & set(rising):
            raise ConfigError(
                f"objective is one of {', '.join(OBJECTIVES)}, and no column both falls and rises; "
                f"got {objective!r}, {list(falling)!r}, {list(rising)!r}"
            )
        self.n_trees, self.leaves, self.min_leaf, self.n_members = int(n_trees), int(leaves), int(min_leaf), n_members
        self.learning_rate, self.columns, self.rows = float(learning_rate), float(columns), float(rows)
        self.penalty, self.objective, self.balance, self.share = float(penalty), objective, float(balance), float(share)
        self.falling, self.rising, self.seed = [int(c) for c in falling], [int(c) for c in rising], seed
        #: One list of models per member, one model per code.
        self._models: list[list[Any]] | None = None
        self._n_columns: int | None = None

    def _parameters(self, n_columns: int, seed: int) -> dict[str, Any]:
        outside = [column for column in (*self.falling, *self.rising) if not 0 <= column < n_columns]
        if outside:
            raise ConfigError(f"falling and rising name columns {outside}, and there are {n_columns}")
        signs = np.zeros(n_columns, dtype=int)
        signs[self.falling], signs[self.rising] = -1, 1
        return {
            "objective": self.objective,
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaves,
            "min_data_in_leaf": self.min_leaf,
            "feature_fraction": self.columns,
            "bagging_fraction": self.rows,
            "bagging_freq": 1 if self.rows < 1 else 0,
            "lambda_l2": self.penalty,
            "monotone_constraints": signs.tolist() if signs.any() else None,
            "seed": seed,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": 1,
            "verbosity": -1,
        }

    def fit(self, x: FloatArray, codes: FloatArray, groups: Groups = None) -> Self:
        """Grow the trees of every member."""
        lightgbm = _lightgbm()
        x, codes = training_arrays(x, codes)
        names = np.arange(len(x)) if groups is None else np.asarray(groups)
        unique, which, counts = np.unique(names, return_inverse=True, return_counts=True)
        weight = (counts[which] + 20.0) ** -self.balance
        models = []
        for number in range(self.n_members):
            stream = generator(self.seed or 0, "lightgbm", number)
            count = max(1, round(self.share * len(unique)))
            chosen = np.isin(which, stream.permutation(len(unique))[:count])
            own = derive(self.seed or 0, "lightgbm", number)
            settings = self._parameters(x.shape[1], own)
            # A handful of records would make no leaf at all.
            settings["min_data_in_leaf"] = max(1, min(self.min_leaf, int(chosen.sum()) // 4))
            models.append(
                [
                    lightgbm.train(
                        settings,
                        lightgbm.Dataset(
                            x[chosen],
                            column[chosen],
                            weight=weight[chosen],
                            params={"verbosity": -1, "min_data_in_bin": 1, "num_threads": 1},
                        ),
                        num_boost_round=self.n_trees,
                    )
                    for column in codes.T
                ]
            )
        self._models, self._n_columns = models, x.shape[1]
        return self

    def members(self, x: FloatArray) -> FloatArray:
        """Prediction of each member, shape (n_members, n, d)."""
        x = query_array(x, self._n_columns, "LightGBM")
        if self._models is None:
            raise NotFittedError("LightGBM has no trees; call fit() first")
        return np.stack(
            [np.stack([model.predict(x, num_threads=1) for model in member], axis=1) for member in self._models]
        )

    def predict(self, x: FloatArray) -> FloatArray:
        """Mean over the members, shape (n, d)."""
        return self.members(x).mean(axis=0)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        names = (
            "n_trees", "learning_rate", "leaves", "min_leaf", "columns", "rows", "penalty", "objective", "balance",
            "falling", "rising", "n_members", "share", "seed",
        )  # fmt: skip
        return {name: getattr(self, name) for name in names}

    def save(self, folder: Path) -> None:
        """Write each model as LightGBM's text, compressed, and the number of columns."""
        if self._models is None:
            raise NotFittedError("LightGBM must be fitted before it is saved")
        for number, member in enumerate(self._models):
            for code, model in enumerate(member):
                text = model.model_to_string(num_iteration=-1).encode()
                (folder / f"member{number}-code{code}.txt.gz").write_bytes(gzip.compress(text, mtime=0))
        save_arrays(folder / "lightgbm.npz", columns=self._n_columns, codes=len(self._models[0]))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the models."""
        made = cls(**load_config(folder))
        stored = load_arrays(folder / "lightgbm.npz", "columns", "codes")
        made._models = [
            [_model(folder / f"member{number}-code{code}.txt.gz") for code in range(int(stored["codes"]))]
            for number in range(made.n_members)
        ]
        made._n_columns = int(stored["columns"])
        return made


def _lightgbm() -> Any:
    try:
        import lightgbm
    except ImportError as error:
        raise MissingDependencyError(
            "these gradient-boosted trees need LightGBM, which is not installed: pip install 'nanonet[chem]'"
        ) from error
    return lightgbm


def _model(file: Path) -> Any:
    lightgbm = _lightgbm()
    try:
        text = gzip.decompress(file.read_bytes()).decode()
    except FileNotFoundError as error:
        raise CheckpointError(f"a part is missing: no {file}; copy or make the checkpoint again") from error
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{file} does not hold trees of LightGBM ({error}); copy the checkpoint again") from error
    try:
        return lightgbm.Booster(model_str=text)
    except lightgbm.basic.LightGBMError as error:
        raise CheckpointError(f"{file} does not hold trees of LightGBM ({error}); copy the checkpoint again") from error
