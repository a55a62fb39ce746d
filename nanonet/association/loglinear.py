"""Hierarchical log-linear models of a contingency table, and the selection of one of them."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np

from nanonet.arrays import FloatArray
from nanonet.association.table import ContingencyTable
from nanonet.errors import ConfigError, InputError, MissingDependencyError

#: All hierarchical models of so many factors are listed: 9 of three, 114 of four, and then thousands.
MOST_LISTED = 4
#: A model is its largest terms, each a set of factors.
Terms = frozenset[frozenset[str]]


def terms(*generators: Iterable[str]) -> Terms:
    """The model with these largest terms; a term that another one holds is dropped.

    >>> sorted("".join(sorted(term)) for term in terms("AB", "A", "C"))
    ['AB', 'C']
    """
    sets = {frozenset(generator) for generator in generators}
    return frozenset(own for own in sets if own and not any(own < other for other in sets))


@dataclass(frozen=True, eq=False)
class Fit:
    """log mu = sum of the effects of all subsets of the model's terms, by maximum likelihood (Poisson).

    G^2 = 2 sum n log(n / mu), X^2 = sum (n - mu)^2 / mu; both follow chi^2 with ``df`` degrees of
    freedom where the model holds and the expected counts are not small (5, as a rule).
    AIC = -2 log L + 2 p and BIC = -2 log L + p log N of the Poisson likelihood, N the number of records.

    Args:
        table: what was fitted.
        model: its largest terms.
        fitted: mu, of the shape of the counts.
        parameters: p, how many were estimated.
        cells: cells with an expected count above 0. Where a margin of a term is 0, its cells are
            fitted exactly and count neither as data nor as parameters.
        loglikelihood: log L over these cells.

    Source:
        A. Agresti, Categorical Data Analysis, 3rd ed., Wiley 2013, chapters 9 and 10.
    """

    table: ContingencyTable
    model: Terms
    fitted: FloatArray
    parameters: int
    cells: int
    loglikelihood: float

    @property
    def name(self) -> str:
        """Such as ``(AC, AM, CM)``; factors with longer names are joined by ``*``."""
        return name(self.table, self.model)

    @property
    def df(self) -> int:
        """Residual degrees of freedom."""
        return self.cells - self.parameters

    @property
    def deviance(self) -> float:
        """G^2, the likelihood-ratio statistic against the saturated model."""
        n, positive = self.table.counts, self.table.counts > 0
        return max(0.0, 2.0 * float((n[positive] * np.log(n[positive] / self.fitted[positive])).sum()))

    @property
    def pearson(self) -> float:
        """X^2."""
        cells = self.fitted > 0
        return float(((self.table.counts - self.fitted)[cells] ** 2 / self.fitted[cells]).sum())

    @cached_property
    def p(self) -> float:
        """Probability of a G^2 this large where the model holds; 1 without degrees of freedom."""
        return survival(self.deviance, self.df)

    @property
    def aic(self) -> float:
        """Akaike's criterion."""
        return 2.0 * (self.parameters - self.loglikelihood)

    @property
    def bic(self) -> float:
        """Schwarz' criterion, of the number of records."""
        return self.parameters * float(np.log(self.table.total)) - 2.0 * self.loglikelihood


def name(table: ContingencyTable, model: Terms) -> str:
    """A model as text, terms and factors in the order of the table."""
    order = {factor: place for place, factor in enumerate(table.factors)}
    glue = "" if all(len(factor) == 1 for factor in table.factors) else "*"
    ordered = sorted((sorted(term, key=order.__getitem__) for term in model), key=lambda t: [order[f] for f in t])
    return "(" + ", ".join(glue.join(term) for term in ordered) + ")"


def survival(statistic: float, df: int) -> float:
    """Probability that chi^2 with ``df`` degrees of freedom is larger; 1 for df = 0."""
    from scipy.stats import chi2

    return float(chi2.sf(max(statistic, 0.0), df)) if df > 0 else 1.0


def fit(table: ContingencyTable, model: Terms) -> Fit:
    """Fit one model by iterated least squares (statsmodels).

    Raises:
        InputError: the model leaves a factor out or names one that the table does not have.
    """
    if {factor for term in model for factor in term} != set(table.factors):
        raise InputError(f"a model must name each of {', '.join(table.factors)}, and no other; got {name_any(model)}")
    try:
        import statsmodels.api as sm
        from statsmodels.tools.sm_exceptions import PerfectSeparationWarning
    except ImportError as error:
        raise MissingDependencyError(
            "log-linear models need statsmodels, which is not installed: pip install 'nanonet[chem]'"
        ) from error
    counts = table.counts.astype(float)
    # Cells of an empty margin are fitted as 0, exactly; the others do not see them.
    known = np.ones(counts.shape, dtype=bool)
    for term in model:
        away = tuple(axis for axis, factor in enumerate(table.factors) if factor not in term)
        known &= counts.sum(axis=away, keepdims=True) > 0
    design = _design(table, model)[known.ravel()]
    design = design[:, _independent(design)]
    fitted = np.zeros(counts.shape)
    if len(design) == design.shape[1]:
        # As many parameters as cells: nothing is left to estimate.
        fitted[known] = counts[known]
    else:
        with warnings.catch_warnings():
            # A model may happen to fit every count.
            warnings.simplefilter("ignore", PerfectSeparationWarning)
            result = sm.GLM(counts[known], design, family=sm.families.Poisson()).fit(maxiter=200, tol=1e-12)
        fitted[known] = result.fittedvalues
    likelihood = sm.families.Poisson().loglike(counts[known], np.maximum(fitted[known], np.finfo(float).tiny))
    return Fit(table, model, fitted, design.shape[1], int(known.sum()), float(likelihood))


def name_any(model: Terms) -> str:
    """A model as text without a table."""
    return "(" + ", ".join("*".join(sorted(term)) for term in sorted(model, key=sorted)) + ")"


def _design(table: ContingencyTable, model: Terms) -> FloatArray:
    """One row per cell, one column per parameter; the first level of each factor is the reference."""
    effects = {frozenset(part) for term in model for size in range(len(term) + 1) for part in combinations(term, size)}
    place = np.indices(table.counts.shape).reshape(table.counts.ndim, -1)
    columns = []
    for effect in sorted(effects, key=lambda e: (len(e), sorted(e))):
        block = np.ones((place.shape[1], 1))
        for axis in sorted(table.axes(tuple(effect))):
            own = (place[axis][:, None] == np.arange(1, len(table.levels[axis]))).astype(float)
            block = (block[:, :, None] * own[:, None, :]).reshape(len(block), -1)
        columns.append(block)
    return np.concatenate(columns, axis=1)


def _independent(design: FloatArray) -> list[int]:
    """Columns that are not sums of columns before them."""
    kept: list[int] = []
    for column in range(design.shape[1]):
        if np.linalg.matrix_rank(design[:, [*kept, column]]) > len(kept):
            kept.append(column)
    return kept


def saturated(table: ContingencyTable) -> Terms:
    """The model with one term of all factors."""
    return terms(table.factors)


def independence(table: ContingencyTable) -> Terms:
    """The model in which no factor says anything about another."""
    return terms(*([factor] for factor in table.factors))


def all_models(table: ContingencyTable) -> list[Terms]:
    """Every hierarchical model that holds each factor, the smallest first.

    Raises:
        ConfigError: more than :data:`MOST_LISTED` factors.
    """
    if len(table.factors) > MOST_LISTED:
        raise ConfigError(f"all models are listed for up to {MOST_LISTED} factors, got {len(table.factors)}")
    found, waiting = {saturated(table)}, [saturated(table)]
    while waiting:
        for smaller in reduced(waiting.pop()):
            if smaller not in found:
                found.add(smaller)
                waiting.append(smaller)
    size = {model: sum(1 for _ in _effects(model)) for model in found}
    return sorted(found, key=lambda model: (size[model], name(table, model)))


def _effects(model: Terms) -> Iterator[frozenset[str]]:
    return iter({frozenset(c) for term in model for k in range(len(term) + 1) for c in combinations(term, k)})


def reduced(model: Terms) -> list[Terms]:
    """The models with one effect less; single factors stay."""
    made = []
    for term in sorted(model, key=sorted):
        if len(term) > 1:
            faces = [term - {factor} for factor in term]
            made.append(terms(*(model - {term}), *faces))
    return made


@dataclass(frozen=True)
class Step:
    """One comparison of a backward selection: is ``smaller`` worse than ``larger``?

    G^2 = G^2(smaller) - G^2(larger), chi^2 with the difference of their degrees of freedom.
    """

    larger: str
    smaller: str
    deviance: float
    df: int
    p: float
    taken: bool


def backward(table: ContingencyTable, level: float = 0.05) -> tuple[Fit, list[Step]]:
    """From the saturated model, drop one effect at a time while the larger model is not clearly better.

    Of the models with one effect less, those with p > ``level`` in the likelihood-ratio test
    against the present one may follow it; the one with the largest p does.

    Args:
        table: the counts.
        level: of each test. The tests are many and each on the data of the others: it is no error
            rate of the selection.

    Returns:
        The model where it ends, and all comparisons on the way.

    Raises:
        ConfigError: ``level`` is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ConfigError(f"the level of a test lies between 0 and 1, got {level!r}")
    present, steps = fit(table, saturated(table)), []
    while True:
        options = [fit(table, model) for model in reduced(present.model)]
        tests = [(o.deviance - present.deviance, o.df - present.df) for o in options]
        found = [survival(*test) for test in tests]
        best = int(np.argmax(found)) if found and max(found) > level else None
        steps += [
            Step(present.name, option.name, test[0], test[1], p, place == best)
            for place, (option, test, p) in enumerate(zip(options, tests, found, strict=True))
        ]
        if best is None:
            return present, steps
        present = options[best]


def by_aic(table: ContingencyTable) -> Fit:
    """The model of least AIC among all, or down the steps of one effect from the saturated one."""
    if len(table.factors) <= MOST_LISTED:
        return min((fit(table, model) for model in all_models(table)), key=lambda own: own.aic)
    present = fit(table, saturated(table))
    while options := [own for model in reduced(present.model) if (own := fit(table, model)).aic < present.aic]:
        present = min(options, key=lambda own: own.aic)
    return present
