"""A strategy: what is learned from the answers, and how the next candidates are chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nanonet.acquisition import Acquisition, Belief, exceedance
from nanonet.arrays import FloatArray
from nanonet.data.table import Table
from nanonet.errors import ConfigError
from nanonet.parts import build
from nanonet.surrogate import Surrogate
from nanonet.training.active.goal import Goal, finds

#: What a model may learn.
LEARNS = ("target", "find")
#: From which records.
SOURCES = ("all", "known", "answers")


@dataclass(frozen=True, eq=False)
class Records:
    """What a model learns from: n records with their targets.

    Args:
        inputs: of each.
        targets: shape (n,), or (n, length) for curves.
        groups: of each.
    """

    inputs: Table
    targets: FloatArray
    groups: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.targets)


class Strategy:
    """A model and an acquisition.

    A model that learns the *target* gives mean m and spread s of its members, and with the goal's
    threshold t the probability Phi((m - t) / s) of a find. One that learns the *find* (0 or 1)
    gives the probability itself. Without a goal a model has nothing to say but how far its members
    are apart: s (:meth:`nanonet.surrogate.Surrogate.disagreement`), for targets of any shape.

    Args:
        acquisition: how to choose.
        model: description of features, representation and regressor; ``None`` for an acquisition
            that looks at no model (its attribute ``needs_model`` is false).
        learns: ``target`` or ``find``.
        source: learn from ``all`` records, from those ``known`` at the beginning, or from the ``answers`` only.
        seed: of the model; each round draws its own from it.

    Raises:
        ConfigError: none of these words, or an acquisition that needs a model has none.
    """

    def __init__(
        self,
        acquisition: Acquisition,
        model: Mapping[str, Any] | None = None,
        learns: str = "target",
        source: str = "all",
        seed: int = 0,
    ) -> None:
        if learns not in LEARNS or source not in SOURCES:
            raise ConfigError(
                f"a strategy learns {' or '.join(LEARNS)} from {', '.join(SOURCES)}, got {learns!r} from {source!r}"
            )
        if model is None and getattr(acquisition, "needs_model", True):
            raise ConfigError(f"{type(acquisition).__name__} looks at a model; the strategy has none")
        if not isinstance(acquisition, Acquisition):
            raise ConfigError(f"a strategy needs an acquisition, got {type(acquisition).__name__}")
        self.acquisition, self.model, self.learns, self.source = acquisition, model, learns, source
        self.seed = int(seed)
        self._fitted: tuple[int, Surrogate] | None = None

    @classmethod
    def from_config(cls, config: Mapping[str, Any], seed: int = 0) -> Strategy:
        """From the keys acquisition, model (or null), learns and source.

        Raises:
            ConfigError: other keys.
        """
        unknown = sorted(set(config) - {"acquisition", "model", "learns", "source"})
        if unknown or "acquisition" not in config:
            raise ConfigError(
                f"a strategy has the keys acquisition, model, learns and source, got {', '.join(config) or 'none'}"
            )
        return cls(
            build(config["acquisition"], where="acquisition"),
            config.get("model"),
            config.get("learns", "target"),
            config.get("source", "all"),
            seed,
        )

    def believe(self, known: Records | None, answers: Records | None, inputs: Table, goal: Goal | None) -> Belief:
        """What the model, fitted to the records, believes of the candidates with these inputs.

        Raises:
            ConfigError: nothing to learn from, or a goal for a model of curves.
        """
        if self.model is None:
            threshold = None if goal is None else goal.threshold(inputs)
            return Belief(x=np.zeros((inputs.n_rows, 1)), threshold=threshold)
        if goal is not None:
            goal.threshold(inputs)  # what it cannot say is said before anything is fitted
        return self.belief(self.learn(known, answers, goal), answers, inputs, goal)

    def learn(self, known: Records | None, answers: Records | None, goal: Goal | None) -> Surrogate:
        """The model, fitted to the records that this strategy learns from.

        Raises:
            ConfigError: there are none, or no model.
        """
        parts = {"all": (known, answers), "known": (known,), "answers": (answers,)}[self.source]
        given = [part for part in parts if part is not None and len(part)]
        if not given:
            raise ConfigError(f"there are no records to learn from (source: {self.source}); name some with known")
        return self._fit(given, goal, key=len(given[0]) if self.source == "known" else None)

    def belief(self, model: Surrogate, answers: Records | None, inputs: Table, goal: Goal | None) -> Belief:
        """What a fitted model believes of the candidates with these inputs.

        Raises:
            ConfigError: a goal for a model of curves.
        """
        x = model.features.transform(inputs)
        asked = model.features.transform(answers.inputs) if answers is not None and len(answers) else None
        if goal is None:
            return Belief(x=x, std=model.disagreement(inputs), asked=asked)
        threshold = goal.threshold(inputs)
        members = model.ensemble(inputs)
        if members.ndim != 2:
            raise ConfigError(
                "a goal is for targets of one number, and the model predicts curves; a replay without a goal "
                "(goal: null) judges by the error"
            )
        mean, std = members.mean(axis=0), members.std(axis=0)
        if self.learns == "find":
            return Belief(x=x, probability=np.clip(mean, 0.0, 1.0), threshold=threshold, asked=asked)
        probability = np.clip(exceedance(mean, std, threshold), 0, 1)
        return Belief(x=x, mean=mean, std=std, threshold=threshold, probability=probability, asked=asked)

    def _fit(self, given: list[Records], goal: Goal | None, key: int | None) -> Surrogate:
        """The fitted model; one that learns from what never changes is fitted once."""
        if key is not None and self._fitted is not None and self._fitted[0] == key:
            return self._fitted[1]
        inputs = given[0].inputs if len(given) == 1 else joined([part.inputs for part in given])
        targets = np.concatenate([part.targets for part in given])
        groups = np.array([group for part in given for group in part.groups], dtype=str)
        if self.learns == "find":
            if goal is None:
                raise ConfigError("there is no find without a goal; use learns: target, or name a goal")
            targets = finds(goal, inputs, targets).astype(float)
        recipe = dict(self.model or {})
        made = Surrogate(
            **{
                name: build(recipe[name], seed=self.seed, where=name)
                for name in ("features", "regressor", "representation")
            }
        ).fit(inputs, targets, groups)
        if key is not None:
            self._fitted = (key, made)
        return made


def joined(tables: list[Table]) -> Table:
    """The rows of several tables with the same columns, one after the other.

    Raises:
        ConfigError: their columns differ.
    """
    names = list(tables[0])
    for table in tables[1:]:
        if set(table) != set(names):
            raise ConfigError(f"the tables have different columns: {', '.join(names)} and {', '.join(table)}")
    return Table({name: np.concatenate([table[name] for table in tables]) for name in names})
