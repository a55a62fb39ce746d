"""Phase maps: the phase of a nanocomposite over its two attractions, as a model predicts it.

``phase_map(D=3, N=30, phi=0.05).plot("map.png")``
"""

from nanonet.phases.map import PhaseMap, phase_map

__all__ = ["PhaseMap", "phase_map"]
