"""How long a state point goes on: until it has what was asked for and, if wanted, until it passes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from simulations.attempt import open_run, ready_attempts
from simulations.protocol import Protocol
from simulations.record import is_finished, read_record
from simulations.workspace import PointFolder

#: Blocks between two verdicts on a production that is extended until it passes: each verdict is one more chance
#: to pass by luck, so it is not asked after every block.
LOOK_EVERY = 10


def to_do(
    point: PointFolder,
    protocol: Protocol,
    most: int = 0,
    agrees: Callable[[Mapping[str, Any]], bool] | None = None,
) -> Protocol | None:
    """What a state point goes on with, or ``None`` where nothing is left to do.

    A production that has what ``protocol`` asks for and does not pass, or does not agree, is extended by 10 blocks at
    a time, by ``most`` in all. A preset that may never pass, and a record without its blocks, are not extended.

    Args:
        point: the state point.
        protocol: what is asked for, with the extension that every point gets.
        most: blocks by which a production that does not pass may be extended in addition.
        agrees: whether a record that passed also agrees with what else is known of its composition; not asked if not
            given.
    """
    if not is_finished(point, protocol):
        return protocol
    record, ready = read_record(point), ready_attempts(point)
    if most == 0 or record is None or not protocol.trainable or not ready:
        return None
    if record["verdict"] == "passed" and (agrees is None or agrees(record)):
        return None
    plain = replace(protocol, extend_blocks=0)
    run = open_run(point, plain, ready[-1])
    end = run.production_end()
    if end is None:
        return None
    extended = len(run.of("production")) - end[0]
    longer = min(extended + LOOK_EVERY, protocol.extend_blocks + most)
    return replace(protocol, extend_blocks=longer) if longer > extended else None
