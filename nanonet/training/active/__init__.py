"""Active learning for every problem: which candidates to simulate or measure next, and a virtual test of it.

A :class:`~nanonet.training.active.oracle.Oracle` answers, a :class:`~nanonet.training.active.goal.Goal` says what
a find is, a :class:`~nanonet.training.active.strategy.Strategy` chooses, and the
:class:`~nanonet.training.active.loop.Loop` goes round between them with its state on disk.
"""
