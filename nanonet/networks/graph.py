"""A ``Sequential`` Keras model as an ONNX graph, written layer by layer.

Needs neither TensorFlow nor tf2onnx, so it works with every Keras backend, and the graph is faster
than a traced one: channels come first, a transposed convolution of stride 1 becomes a
convolution with the kernel turned round, and nearest upsampling by 2 followed by a convolution
becomes four convolutions on the small image, one for each pixel of a 2 x 2 block. A kernel of
three rows touches only two rows of the small image; which of its rows fall together depends on
the row of the block: rows (k0 | k1 + k2) for the upper, (k0 + k1 | k2) for the lower pixel. That
saves 5/9 of the multiplications and never stores the large image. A convolution to few channels
behind another upsampling, as at the end of a decoder, takes these four pixels as channels and
gives all 16 pixels of a 4 x 4 block at once, so that not even the middle image is put together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanonet.errors import MissingDependencyError

#: Keras activations and the ONNX operators that compute them.
ACTIVATIONS = {"relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh", "linear": None}
#: Up to so many channels the last convolution is faster on 4 x 4 blocks.
FEW = 4
#: Version of the operators; onnxruntime 1.20, the oldest that we allow, knows more.
OPSET = 17


class _Graph:
    """Nodes and constants in the order in which they are needed."""

    def __init__(self, onnx: Any) -> None:
        self.onnx = onnx
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.count = 0
        self.last = "input"
        #: Edge of the pixel blocks that are channels still; 1 if the image is put together.
        self.block = 1

    def constant(self, value: NDArray) -> str:
        name = f"constant{len(self.constants)}"
        self.constants.append(self.onnx.numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, operator: str, inputs: Sequence[str], **attributes: Any) -> str:
        self.count += 1
        name = f"value{self.count}"
        self.nodes.append(self.onnx.helper.make_node(operator, list(inputs), [name], **attributes))
        self.last = name
        return name

    def reshape(self, *shape: int) -> None:
        self.add("Reshape", [self.last, self.constant(np.array((-1, *shape), dtype=np.int64))])

    def settle(self) -> None:
        """Put the image together."""
        if self.block > 1:
            self.add("DepthToSpace", [self.last], blocksize=self.block, mode="DCR")
            self.block = 1

    def activate(self, layer: Any) -> None:
        operator = ACTIVATIONS[layer.activation.__name__]
        if operator:
            self.add(operator, [self.last])


def _kernel(layer: Any) -> tuple[NDArray, NDArray]:
    """Weights (out, in, height, width) of the equivalent convolution, and the bias."""
    weights, bias = (np.asarray(value) for value in layer.get_weights())
    if type(layer).__name__ == "Conv2DTranspose":
        return weights[::-1, ::-1].transpose(2, 3, 0, 1), bias
    return weights.transpose(3, 2, 0, 1), bias


def _convolve(graph: _Graph, layer: Any, doubled: bool) -> None:
    weights, bias = _kernel(layer)
    if not doubled:
        half = weights.shape[2] // 2
        graph.add("Conv", [graph.last, graph.constant(weights), graph.constant(bias)], pads=[half] * 4)
        return
    low, joined = graph.last, []
    for upper in (True, False):
        rows = _merge(weights, 2, upper)
        for left in (True, False):
            merged = _merge(rows, 3, left)
            pads = [int(upper), int(left), int(not upper), int(not left)]
            joined.append(graph.add("Conv", [low, graph.constant(merged), graph.constant(bias)], pads=pads))
    graph.add("Concat", joined, axis=1)
    graph.block = 2


def _convolve_blocks(graph: _Graph, layer: Any) -> None:
    """Upsampling by 2 and a convolution of an image whose 2 x 2 blocks are channels, to 4 x 4 blocks.

    Row s of a block takes rows s + t - 1, t = 0, 1, 2, of the upsampled image, that is row q =
    floor((s + t - 1) / 2) of the image, in block floor(q / 2), row q mod 2 there.
    """
    weights, bias = _kernel(layer)
    out, channels = weights.shape[:2]
    merged = np.zeros((4, 4, out, 2, 2, channels, 3, 3), dtype=weights.dtype)
    steps = [(s, t, *divmod((s + t - 1) // 2, 2)) for s in range(4) for t in range(3)]
    for row, i, block_row, a in steps:
        for column, j, block_column, b in steps:
            merged[row, column, :, a, b, :, block_row + 1, block_column + 1] += weights[:, :, i, j]
    kernel = merged.reshape(16 * out, 4 * channels, 3, 3)
    graph.add("Conv", [graph.last, graph.constant(kernel), graph.constant(np.tile(bias, 16))], pads=[1] * 4)
    graph.block = 4


def _merge(weights: NDArray, axis: int, first: bool) -> NDArray:
    """Three taps as two: (k0, k1 + k2) for the first pixel of a block, (k0 + k1, k2) for the second."""
    a, b, c = (np.take(weights, [index], axis=axis) for index in range(3))
    return np.concatenate([a, b + c] if first else [a + b, c], axis=axis)


def supported(model: Any) -> bool:
    """Whether :func:`sequential_graph` knows every layer of ``model``."""
    if type(model).__name__ != "Sequential":
        return False
    rank = len(model.input_shape)
    for layer in model.layers:
        kind = type(layer).__name__
        if getattr(getattr(layer, "activation", None), "__name__", "linear") not in ACTIVATIONS:
            return False
        if kind in {"Conv2D", "Conv2DTranspose"}:
            if rank != 4 or layer.padding != "same" or set(layer.strides) != {1} or set(layer.dilation_rate) != {1}:
                return False
            if layer.kernel_size[0] != layer.kernel_size[1] or layer.kernel_size[0] % 2 == 0 or not layer.use_bias:
                return False
        elif kind == "MaxPooling2D":
            if tuple(layer.pool_size) != (2, 2) or tuple(layer.strides) != (2, 2) or layer.padding != "valid":
                return False
        elif kind == "UpSampling2D":
            if tuple(layer.size) != (2, 2) or layer.interpolation != "nearest":
                return False
        elif kind != "Dense" or rank != 2 or not layer.use_bias:
            return False
    return True


def sequential_graph(model: Any) -> bytes:
    """The serialised ONNX graph of a model that :func:`supported` accepts.

    Raises:
        MissingDependencyError: the package onnx is not installed.
    """
    try:
        import onnx
        import onnx.numpy_helper
    except ImportError as error:
        raise MissingDependencyError("writing ONNX needs onnx: pip install 'nanonet[train]'") from error
    graph = _Graph(onnx)
    shape, images = model.input_shape[1:], len(model.input_shape) == 4
    if images:
        # Channels last -> first; with one pixel or one channel the order of the numbers is the same.
        _reorder(graph, (shape[2], *shape[:2]), shape, (0, 3, 1, 2))
    doubled = False
    for layer in model.layers:
        kind = type(layer).__name__
        if kind in {"Conv2D", "Conv2DTranspose"}:
            merge = doubled and layer.kernel_size[0] == 3
            if merge and graph.block == 2 and layer.filters <= FEW:
                _convolve_blocks(graph, layer)
            else:
                graph.settle()
                if doubled and not merge:
                    _upsample(graph)
                _convolve(graph, layer, merge)
            graph.activate(layer)
            doubled = False
        elif kind == "UpSampling2D":
            if doubled:
                graph.settle()
                _upsample(graph)
            doubled = True
        elif kind == "MaxPooling2D":
            graph.settle()
            graph.add("MaxPool", [graph.last], kernel_shape=[2, 2], strides=[2, 2])
        else:
            weights, bias = layer.get_weights()
            graph.add("Gemm", [graph.last, graph.constant(weights), graph.constant(bias)])
            graph.activate(layer)
    graph.settle()
    if doubled:
        _upsample(graph)
    out = model.output_shape[1:]
    if images:
        _reorder(graph, out, (out[2], *out[:2]), (0, 2, 3, 1))
    float32 = onnx.TensorProto.FLOAT
    made = onnx.helper.make_graph(
        graph.nodes,
        model.name,
        [onnx.helper.make_tensor_value_info("input", float32, ["n", *shape])],
        [onnx.helper.make_tensor_value_info(graph.last, float32, ["n", *out])],
        graph.constants,
    )
    proto = onnx.helper.make_model(
        made, opset_imports=[onnx.helper.make_opsetid("", OPSET)], ir_version=8, producer_name="nanonet"
    )
    onnx.checker.check_model(proto)
    return bytes(proto.SerializeToString())


def _reorder(graph: _Graph, target: tuple[int, ...], source: tuple[int, ...], order: tuple[int, ...]) -> None:
    channels = source[2] if order[1] == 3 else source[0]
    pixels = np.prod(source) // channels
    if channels == 1 or pixels == 1:
        graph.reshape(*target)
    else:
        graph.add("Transpose", [graph.last], perm=list(order))


def _upsample(graph: _Graph) -> None:
    scales = graph.constant(np.array([1, 1, 2, 2], dtype=np.float32))
    graph.add(
        "Resize",
        [graph.last, "", scales],
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )
