"""The figure of a calibration: whether the spread knows the error, and what bands hold in each part of a curve."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from nanonet.arrays import FloatArray
from nanonet.training import figures as draw
from nanonet.training.calibration import Coverage, Share

#: How the two bands are drawn: of the spread, of one width for all records.
_LOOKS = (("with the spread", draw.TEST, "o", -0.12), ("one width for all records", draw.TRAIN, "s", 0.12))


def calibration(file: Path, spread: FloatArray, size: FloatArray, unit: str, cover: Coverage | None) -> None:
    """Size of the error of each held-out record against the spread of the members, and bands by region.

    Where the problem names regions there are two further panels: the share of values in the band, with its 95 %
    interval, beside what it promises, and the mean width; both for the band of the spread and for one of one width.

    Args:
        file: to write.
        spread: of the members, one number per record.
        size: of the error of each record.
        unit: of the error.
        cover: how the band does; ``None`` where it could not be judged.
    """
    parts = {} if cover is None or not cover.regions else {"all": cover, **cover.regions}
    with draw.panels(file, 1, 3 if parts else 1, (4.2, 3.4)) as axes:
        ax = axes[0, 0]
        if len(spread) >= draw.CROWD:
            shown = ax.hexbin(spread, size, gridsize=45, mincnt=1, bins="log", cmap="Blues")
            ax.figure.colorbar(shown, ax=ax, label="records", shrink=0.8)
        else:
            ax.plot(spread, size, ".", color=draw.TEST)
        ax.set(xlabel="spread of the members", ylabel=f"error [{unit}]", ylim=(0, None), xlim=(0, None))
        if cover is not None and cover.rank.n_groups:
            ax.set_title(f"rank correlation {cover.rank.text(2)}", fontsize=9)
        if cover is not None and parts:
            _regions(axes[0, 1], axes[0, 2], parts, cover.level, unit)


def _regions(left: Any, right: Any, parts: dict[str, Share], level: float, unit: str) -> None:
    """Share in the band, and width of the band, a row for each part."""
    rows = np.arange(len(parts))
    for number, (label, color, mark, shift) in enumerate(_LOOKS):
        found = [(own.constant_inside if number else own.inside) for own in parts.values()]
        width = [(own.constant_width if number else own.width) for own in parts.values()]
        ends = np.array([[e.value - e.low, e.high - e.value] for e in found]).T
        left.errorbar(
            [e.value for e in found],
            rows + shift,
            xerr=np.maximum(ends, 0.0),
            fmt=mark,
            color=color,
            capsize=3,
            label=label,
        )
        right.barh(rows + 1.5 * shift, width, height=0.3, color=color, label=label)
    left.axvline(100 * level, color=draw.TRUE, linewidth=0.8)
    left.set_title(f"promised: {100 * level:.0f} %", fontsize=9)
    left.set(xlabel="values inside the band [%]", xlim=(None, 101))
    right.set(xlabel=f"mean width of the band [{unit}]")
    for ax in (left, right):
        ax.set_yticks(rows, list(parts))
        ax.set_ylim(len(rows) - 0.5, -0.5)
    left.legend(frameon=False, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.08), ncols=2)
