"""Tables and the figure of a replay by error."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nanonet.arrays import FloatArray
from nanonet.errors import DataError
from nanonet.metrics.base import Metric
from nanonet.statistics import Estimate, estimate, paired_difference
from nanonet.training.active.draw import error_curves
from nanonet.training.active.savings import Saving, saving
from nanonet.training.record import markdown, write_json

LEGEND = (
    "Intervals are 95 %, a bootstrap over repeats; differences and savings are paired, repeat by repeat. *Needed*: the "
    "simulations after which the strategy's error has come down to that of the reference, read off mean curves that "
    "are made falling, by straight lines between rounds. *Saved*: 1 minus their ratio to those of the reference, read "
    "off in the same way; an interval that contains 0 says that nothing was shown, and where the reference itself has "
    "not learned anything since the beginning, it is not defined. Repeats share one data set, and the order in it: "
    "intervals say nothing of others."
)


@dataclass(frozen=True, eq=False)
class Curves:
    """Errors against the number of simulations.

    Args:
        sizes: numbers of simulations, shape (k,).
        errors: name of a strategy to the metric, shape (repeats, k).
        reference: one of them.
        metric: which.

    Raises:
        DataError: a metric that is not defined for a repeat.
    """

    sizes: FloatArray
    errors: Mapping[str, FloatArray]
    reference: str
    metric: Metric

    def __post_init__(self) -> None:
        for label, values in self.errors.items():
            if not np.isfinite(values).all():
                raise DataError(
                    f"the metric {self.metric.name} is not defined for {label} in repeat "
                    f"{int(np.argwhere(~np.isfinite(values))[0][0])}; judge by another one, or hold out more"
                )

    def mean(self, label: str) -> list[Estimate]:
        """Mean over repeats at each size."""
        values = self.errors[label]
        return [estimate(column, _repeats(values)) for column in values.T]

    def difference(self, label: str) -> list[Estimate]:
        """Mean over repeats of the difference from the reference at each size."""
        values, other = self.errors[label], self.errors[self.reference]
        return [paired_difference(a, b, _repeats(values)) for a, b in zip(values.T, other.T, strict=True)]

    def saving(self, label: str, size: int) -> Saving:
        """Against the reference, at its error at ``size``."""
        sign = 1.0 if self.metric.smaller_is_better else -1.0
        return saving(self.sizes, sign * self.errors[label], sign * self.errors[self.reference], size)


def _repeats(values: FloatArray) -> np.ndarray:
    return np.array([f"{number:06d}" for number in range(len(values))])


def report(
    folder: Path,
    curves: Curves,
    compared: Sequence[int],
    *,
    name: str,
    told: str,
    seconds: Mapping[str, float],
    left_out: Mapping[str, str],
    command: str,
) -> None:
    """Write table.md, table.csv, results.json and error.png."""
    labels = list(curves.errors)
    means = {label: curves.mean(label) for label in labels}
    others = [label for label in labels if label != curves.reference]
    differences = {label: curves.difference(label) for label in others}
    savings = {label: [curves.saving(label, size) for size in compared] for label in others}
    places = [int(np.argmin(np.abs(curves.sizes - size))) for size in compared]
    measured = [int(curves.sizes[place]) for place in places]
    ends = sorted({0, *places, len(curves.sizes) - 1})
    first = [
        (
            "strategy",
            *(f"after {curves.sizes[place]:.0f}" for place in ends),
            *(f"minus {curves.reference} after {size}" for size in measured),
            "s per repeat",
        )
    ]
    for label in labels:
        own = [differences[label][place].text() if label in differences else "-" for place in places]
        first.append((label, *(means[label][place].text() for place in ends), *own, f"{seconds[label]:.2g}"))
    second = [
        ("strategy", *(f"needed for its error after {s}" for s in compared), *(f"saved at {s}" for s in compared))
    ]
    if others:
        # Its own number is not the size: the curve is read off after it was made falling, as the others' are.
        own = [_reference(found) for found in savings[others[0]]]
        second.append((curves.reference, *own, *("-" for _ in compared)))
    for label in others:
        shares = [_share(found) for found in savings[label]]
        second.append((label, *(_needed(found) for found in savings[label]), *shares))
    lines = [
        f"# {name}",
        "",
        told,
        "",
        markdown(first),
        "",
        f"Simulations needed to reach the error of *{curves.reference}*, and the share that is saved:",
        "",
        markdown(second),
        "",
        LEGEND,
        *[f"\nLeft out: {label} ({reason})." for label, reason in left_out.items()],
        *(["", f"    {command}"] if command else []),
        "",
    ]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "table.md").write_text("\n".join(lines), encoding="utf-8")
    _write_curves(folder / "table.csv", curves, means, differences)
    write_json(
        folder / "results.json",
        {
            "metric": {"name": curves.metric.name, "unit": curves.metric.unit},
            "sizes": curves.sizes,
            "mean": means,
            "difference": differences,
            "savings": {label: [found.to_json() for found in own] for label, own in savings.items()},
            "repeats": dict(curves.errors),
            "reference": curves.reference,
            "seconds": seconds,
            "left_out": left_out,
        },
    )
    error_curves(
        folder / "error.png",
        curves.sizes,
        means,
        differences,
        curves.reference,
        f"{curves.metric.name} on held-out records [{curves.metric.unit}]",
    )


def _needed(found: Saving) -> str:
    if not found.needed.n_groups:
        return "not defined"
    value, low, high = (f"{number:.1f}" for number in (found.needed.value, found.needed.low, found.needed.high))
    first, last = _bounds(found)
    return f"{'>= ' * found.bound}{value} ({'>= ' * last}{low} to {'>= ' * first}{high})"


def _reference(found: Saving) -> str:
    return f"{found.reference.value:.1f}" if found.needed.n_groups else "not defined"


def _share(found: Saving) -> str:
    if not found.saved.n_groups:
        return "not defined"
    value, low, high = (f"{100.0 * share:.0f}" for share in (found.saved.value, found.saved.low, found.saved.high))
    first, last = _bounds(found)
    return f"{'<= ' * found.bound}{value} % ({'<= ' * first}{low} to {'<= ' * last}{high})"


def _bounds(found: Saving) -> tuple[bool, bool]:
    """Whether the worse end of an interval, and the better one, are of resamples that do not reach the error."""
    return found.missed > 0.025, found.missed > 0.975


def _write_curves(
    file: Path,
    curves: Curves,
    means: Mapping[str, Sequence[Estimate]],
    differences: Mapping[str, Sequence[Estimate]],
) -> None:
    """One row per strategy and number of simulations."""
    ends = ("low", "high")
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.writer(opened, lineterminator="\n")
        columns = ("error", *(f"error_{end}" for end in ends), "difference", *(f"difference_{end}" for end in ends))
        writer.writerow(("strategy", "simulations", *columns))
        for label, own in means.items():
            for place, found in enumerate(own):
                row: list[str] = [f"{value:.6g}" for value in (found.value, found.low, found.high)]
                if label in differences:
                    other = differences[label][place]
                    row += [f"{value:.6g}" for value in (other.value, other.low, other.high)]
                else:
                    row += [""] * 3
                writer.writerow((label, f"{curves.sizes[place]:.0f}", *row))
