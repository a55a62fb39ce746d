"""A network without Keras: its exported graph in onnxruntime."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from nanonet.arrays import FloatArray
from nanonet.errors import CheckpointError, MissingDependencyError

#: Samples evaluated together: few enough for the processor's cache, which makes a large batch faster.
CHUNK = 8


@lru_cache(maxsize=1)
def _workers() -> ThreadPoolExecutor:
    """Threads that share the chunks of a large batch, one per processor that we may use."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return ThreadPoolExecutor(max_workers=max(1, min(8, allowed or 1)), thread_name_prefix="nanonet")


class OnnxNetwork:
    """Maps an array along its first axis by an ONNX graph with one input and one output.

    Args:
        graph: the serialised graph. The session is made when the network is first used.
        name: for error messages.
    """

    def __init__(self, graph: bytes, name: str = "network") -> None:
        self._graph, self._name = graph, name
        self._session: Any = None

    @classmethod
    def read(cls, file: Path) -> OnnxNetwork:
        """From a file.

        Raises:
            CheckpointError: there is no such file.
        """
        try:
            return cls(file.read_bytes(), file.name)
        except FileNotFoundError as error:
            raise CheckpointError(f"a part is missing: no {file}; copy or make the checkpoint again") from error

    def _start(self) -> Any:
        try:
            import onnxruntime
        except ImportError as error:
            raise MissingDependencyError(
                "predicting needs onnxruntime, which is not installed: pip install nanonet"
            ) from error
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        # One thread per evaluation, and chunks side by side. Threads inside an evaluation wait for
        # each other by spinning, and on a busy machine that made it several times slower.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        try:
            return onnxruntime.InferenceSession(self._graph, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            # onnxruntime has one exception class per fault, none of them public.
            raise CheckpointError(f"{self._name} is not a graph that onnxruntime can run ({error})") from error

    def __call__(self, x: ArrayLike) -> FloatArray:
        """The network's output, float64, shape (n, ...)."""
        if self._session is None:
            self._session = self._start()
        samples = np.ascontiguousarray(x, dtype=np.float32)
        session, name = self._session, self._session.get_inputs()[0].name

        def evaluate(start: int) -> Any:
            return session.run(None, {name: samples[start : start + CHUNK]})[0]

        starts = range(0, max(len(samples), 1), CHUNK)
        pieces = [evaluate(0)] if len(starts) == 1 else list(_workers().map(evaluate, starts))
        return np.concatenate(pieces).astype(np.float64)
