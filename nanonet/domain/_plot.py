"""Drawing of domain types, apart from them so that they load without matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nanonet.arrays import FloatArray
from nanonet.errors import MissingDependencyError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nanonet.domain.composition import Composition


def plot_rdf(
    r: FloatArray,
    g: FloatArray,
    band: tuple[FloatArray, FloatArray] | None,
    peak: tuple[float, float] | None,
    composition: Composition | None,
    ax: Axes | None,
    *,
    log: bool,
    label: str | None,
    **style: Any,
) -> Axes:
    """See :meth:`nanonet.domain.RDF.plot`; takes its parts, so that the type need not be known here."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise MissingDependencyError(
            "plot() needs matplotlib, which is not installed: pip install 'nanonet[plot]'"
        ) from error
    if ax is None:
        _, ax = plt.subplots(figsize=(6.0, 3.8), layout="constrained")
    (line,) = ax.plot(r, g, label=label, **style)
    if band is not None:
        ax.fill_between(r, *band, color=line.get_color(), alpha=0.25, linewidth=0)
    if peak is not None:
        ax.plot([peak[0]], [peak[1]], marker="v", color=line.get_color(), markersize=5)
    ax.axhline(1.0, color="0.7", linewidth=0.8, zorder=0)
    ax.set_xlim(0.0, float(r[-1] + 0.5 * (r[1] - r[0])))
    if log:
        ax.set_yscale("log")
        ax.set_ylim(1e-3, 300.0)
    else:
        ax.set_ylim(bottom=0.0)
    ax.set_xlabel(r"NP-NP distance $r$ [$\sigma$]")
    ax.set_ylabel(r"$g(r)$")
    if composition is not None:
        ax.set_title(composition.title(), fontsize="medium")
    return ax
