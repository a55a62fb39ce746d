"""All that is asked of a contingency table, as a text and as a figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nanonet.association import odds
from nanonet.association.loglinear import MOST_LISTED, Fit, Step, all_models, backward, by_aic, fit, saturated
from nanonet.association.odds import Common, OddsRatio
from nanonet.association.table import ContingencyTable
from nanonet.errors import MissingDependencyError

#: An expected count below this makes the chi^2 of G^2 and X^2 doubtful (Cochran's rule).
SMALL = 5.0
Rows = list[tuple[str, ...]]


@dataclass(frozen=True, eq=False)
class Analysis:
    """Models, selection and odds ratios of one table; made by :func:`analyse`.

    Args:
        table: what was analysed.
        level: of the tests that select; 1 - level is that of the intervals.
        models: fits, the smallest first; all hierarchical ones for up to four factors, else those
            that were selected.
        selected: by backward likelihood-ratio tests; ``steps`` says how.
        best_aic: of least AIC.
        marginal, conditional, common, expected: odds ratios of the data, and of the selected model.
    """

    table: ContingencyTable
    level: float
    models: tuple[Fit, ...]
    selected: Fit
    steps: tuple[Step, ...]
    best_aic: Fit
    marginal: tuple[OddsRatio, ...]
    conditional: tuple[OddsRatio, ...]
    common: tuple[Common, ...]
    expected: tuple[OddsRatio, ...]

    @property
    def best_bic(self) -> Fit:
        """Of least BIC among the models."""
        return min(self.models, key=lambda own: own.bic)

    def model_rows(self) -> Rows:
        """One row per model, the header first."""
        header = ("model", "G2", "X2", "df", "p", "AIC", "BIC")
        return [header, *((own.name, *_statistics(own)) for own in self.models)]

    def step_rows(self) -> Rows:
        """One row per comparison of the backward selection."""
        header = ("larger", "smaller", "G2", "df", "p", "")
        return [
            header,
            *(
                (step.larger, step.smaller, f"{step.deviance:.3f}", str(step.df), _p(step.p), "taken" * step.taken)
                for step in self.steps
            ),
        ]

    def odds_rows(self) -> Rows:
        """One row per odds ratio."""
        ratios = (*self.marginal, *self.conditional, *(own.ratio for own in self.common))
        rows: Rows = [("factors", "levels", "others", "odds ratio", "records")]
        rows += [(" x ".join(own.pair), own.contrast, own.where, own.text(), f"{own.n:g}") for own in ratios]
        return self._told(rows)

    def common_rows(self) -> Rows:
        """One row per common odds ratio and its tests."""
        rows: Rows = [("factors", "levels", "Mantel-Haenszel", "p of 1", "p of equal strata")]
        rows += [
            (" x ".join(own.ratio.pair), own.ratio.contrast, own.ratio.text(), _p(own.p_none), _p(own.p_equal))
            for own in self.common
        ]
        return self._told(rows)

    def _told(self, rows: Rows) -> Rows:
        """Without the column of levels, where no factor leaves a choice."""
        if max(len(own) for own in self.table.levels) > 2:
            return rows
        return [(row[0], *row[2:]) for row in rows]

    def notes(self) -> list[str]:
        """What a reader has to know to believe the tables."""
        by = f"by AIC: {self.best_aic.name}; by BIC: {self.best_bic.name}"
        said = [f"Selected backward by likelihood-ratio tests at {self.level:g}: {self.selected.name}; {by}."]
        least = self.selected.fitted[self.selected.fitted > 0].min()
        if least < SMALL:
            said.append(
                f"The least expected count of the selected model is {least:.2g}, below {SMALL:g}: "
                "the p values are rough."
            )
        if int((self.selected.fitted == 0).sum()):
            said.append("Cells of an empty margin count neither as data nor as degrees of freedom.")
        ratios = [*self.marginal, *self.conditional, *(own.ratio for own in self.common)]
        if any(own.corrected for own in ratios):
            said.append("* 0.5 was added to each cell of a 2 x 2 table with an empty one (Haldane, Anscombe).")
        outside = sum(own.significant for own in ratios)
        said.append(
            f"{outside} of {len(ratios)} intervals leave out 1; they are {100 * (1 - self.level):g} % each, "
            f"not corrected for their number: about {self.level * len(ratios):.1g} would without any association."
        )
        return said

    def tables(self) -> dict[str, Rows]:
        """All tables by title, each with its header first."""
        made = {
            f"{' x '.join(self.table.factors)}: {self.table.total} records": [
                (*self.table.factors, "count"),
                *self.table.rows(),
            ],
            "Hierarchical log-linear models": self.model_rows(),
            "Backward selection": self.step_rows(),
            "Odds ratios": self.odds_rows(),
        }
        return made | ({"One odds ratio for all strata": self.common_rows()} if self.common else {})

    def markdown(self) -> str:
        """The report."""
        parts = [f"## {title}\n\n{_markdown(rows)}" for title, rows in self.tables().items()]
        parts.append("## Notes\n\n" + "\n".join(f"- {note}" for note in self.notes()))
        return "\n\n".join(parts).removeprefix("#") + "\n"

    def plot(self, file: Path) -> None:
        """Odds ratios with their intervals (a forest plot), one row each.

        Raises:
            MissingDependencyError: without matplotlib.
        """
        try:
            from matplotlib.figure import Figure
        except ImportError as error:
            raise MissingDependencyError(
                "a figure needs matplotlib, which is not installed: pip install 'nanonet[plot]'"
            ) from error
        kinds = (
            ("marginal", "o", "#4878a8", self.marginal),
            ("conditional", "s", "#d1495b", self.conditional),
            ("Mantel-Haenszel", "D", "0.25", tuple(own.ratio for own in self.common)),
        )
        pairs = dict.fromkeys(own.pair for own in self.marginal)
        rows: list[tuple[str, OddsRatio, str, str]] = []
        for pair in pairs:
            for kind, marker, color, found in kinds:
                rows += [
                    (_label(kind, own, self.table), own, marker, color)
                    for own in found
                    if own.pair == pair and own.defined
                ]
        figure = Figure(figsize=(7.0, 0.27 * (len(rows) + len(pairs)) + 0.9), layout="constrained")
        ax = figure.subplots()
        place, ticks, labels, seen = 0.0, [], [], None
        for label, own, marker, color in rows:
            if own.pair != seen:
                place, seen = place + 0.6 * (seen is not None), own.pair
                ticks.append(place)
                labels.append(" x ".join(own.pair))
                place += 1.0
            ends = [[own.value - own.low], [own.high - own.value]]
            ax.errorbar(own.value, place, xerr=ends, fmt=marker, color=color, capsize=2.5, markersize=5)
            ax.annotate(own.text(), (1.01, place), xycoords=("axes fraction", "data"), va="center", fontsize=7)
            ticks.append(place)
            labels.append(label)
            place += 1.0
        ax.axvline(1.0, color="0.6", linewidth=0.8, zorder=0)
        ax.set_yticks(ticks, labels, fontsize=8)
        for text in ax.get_yticklabels():
            if text.get_text() in {" x ".join(pair) for pair in pairs}:
                text.set_fontweight("bold")
        ax.tick_params(axis="y", length=0)
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        ax.set(xlabel=f"odds ratio, {100 * (1 - self.level):g} % interval", ylim=(place - 0.3, -0.7))
        file.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(file, dpi=150)


def analyse(table: ContingencyTable, level: float = 0.05) -> Analysis:
    """Fit, select and compare.

    Args:
        table: counts of up to six factors.
        level: of the tests; the intervals are of 1 - level.

    Raises:
        ConfigError: ``level`` is not between 0 and 1.
    """
    selected, steps = backward(table, level)
    best = by_aic(table)
    if len(table.factors) <= MOST_LISTED:
        models = tuple(fit(table, model) for model in all_models(table))
    else:
        chosen = {own.model: own for own in (selected, best, fit(table, saturated(table)))}
        models = tuple(sorted(chosen.values(), key=lambda own: own.parameters))
    inside = 1.0 - level
    return Analysis(
        table=table,
        level=level,
        models=models,
        selected=selected,
        steps=tuple(steps),
        best_aic=best,
        marginal=tuple(odds.marginal(table, inside)),
        conditional=tuple(odds.conditional(table, inside)),
        common=tuple(odds.common(table, inside)),
        expected=tuple(odds.fitted(selected)),
    )


def _label(kind: str, own: OddsRatio, table: ContingencyTable) -> str:
    """What a row of the figure is, without what all rows of its pair share."""
    where = f" | {own.where}" if kind == "conditional" else ""
    many = any(len(table.levels[axis]) > 2 for axis in table.axes(own.pair))
    return f"{kind}{where}{f' [{own.contrast}]' if many else ''}"


def _statistics(own: Fit) -> tuple[str, ...]:
    return f"{own.deviance:.3f}", f"{own.pearson:.3f}", str(own.df), _p(own.p), f"{own.aic:.2f}", f"{own.bic:.2f}"


def _p(value: float) -> str:
    if np.isnan(value):
        return "-"
    if value < 1e-15:
        return "< 1e-15"
    return f"{value:.3f}" if value >= 0.001 else f"{value:.1e}"


def _markdown(rows: Sequence[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])
