"""Networks that read structures beside numbers, and end in a law of temperature.

The input is one row of numbers per record: column 0 is the variable of the law (1000/T), then plain
numbers, then, in the last columns, a structure as whole numbers (:mod:`nanonet.chemistry.packed`). Only
layers of Keras are used, so that a stored network holds no code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nanonet.errors import ConfigError
from nanonet.networks.backend import load_keras

LAWS = ("none", "arrhenius", "vtf")
#: Where the prefactor is defined, 1000/T [1/K]: in the middle of ordinary data, so that the two parameters
#: of a law can be learned independently of each other.
MIDDLE = 3.0
#: Highest T_0 of the VTF law [1000 K]; the law holds above it.
HIGHEST_VOGEL = 0.2
#: Heads of attention.
HEADS = 4
#: How the names of the layers begin that read a structure, and so can be learned beforehand.
STRUCTURE = "structure_"


def build_reader(
    n_inputs: int, n_outputs: int, reader: Any, hidden: Sequence[int], activation: str, law: str, dropout: float
) -> Any:
    """A Keras model (n_inputs,) -> (n_outputs,).

    With a law, the hidden layers do not see column 0, and each output is y(x_0) = a - b (f(x_0) - f(MIDDLE)) with
    b = softplus(.) > 0: ``arrhenius`` has f = x_0, and ``vtf`` f = x_0 / (1 - t x_0), which is 1000/(T - T_0), with
    t = T_0 / 1000 K between 0 and :data:`HIGHEST_VOGEL`. So no output falls where x_0 does.

    Args:
        n_inputs: columns of x.
        n_outputs: columns of the codes.
        reader: ``None`` for plain numbers only, or what adds a structure: it has ``columns`` and
            ``build(packed)``.
        hidden: sizes of the hidden layers behind.
        activation: of the hidden layers.
        law: one of :data:`LAWS`.
        dropout: share of hidden values that are left out in training.

    Raises:
        ConfigError: an unknown law, or fewer columns than the structure needs.
    """
    if law not in LAWS:
        raise ConfigError(f"law is one of {', '.join(LAWS)}, got {law!r}")
    packed = 0 if reader is None else reader.columns
    plain = n_inputs - packed
    seen = plain if law == "none" else plain - 1
    if plain < 1 or seen + packed < 1:
        raise ConfigError(f"x has {n_inputs} columns; the law needs the first, and the structure the last {packed}")
    keras = load_keras()
    layers = keras.layers
    x = keras.Input((n_inputs,), name="x")
    column = layers.Reshape((n_inputs, 1))(x)

    def cut(start: int, stop: int) -> Any:
        return layers.Flatten()(layers.Cropping1D((start, n_inputs - stop))(column))

    parts = [] if seen < 1 else [cut(plain - seen, plain)]
    if reader is not None:
        parts.append(reader.build(keras, cut(plain, n_inputs)))
    state = parts[0] if len(parts) == 1 else layers.Concatenate()(parts)
    for size in hidden:
        state = layers.Dense(size, activation=activation)(state)
        if dropout:
            state = layers.Dropout(dropout)(state)
    level = layers.Dense(n_outputs, name="level")(state)
    if law == "none":
        return keras.Model(x, level, name="reader")
    slope = layers.Dense(n_outputs, activation="softplus", name="slope")(state)
    variable = cut(0, 1)
    if law == "vtf":
        vogel = layers.Dense(n_outputs, activation="sigmoid", name="vogel")(state)
        vogel = layers.Rescaling(HIGHEST_VOGEL)(vogel)

        def stretched(value: Any) -> Any:
            return keras.ops.divide(value, layers.Rescaling(-1.0, 1.0)(layers.Multiply()([vogel, value])))

        # A column of ones times the middle, made of the variable itself.
        middle = layers.Rescaling(0.0, MIDDLE)(variable)
        variable, shift = stretched(variable), stretched(middle)
        change = layers.Subtract()([variable, shift])
    else:
        change = layers.Rescaling(1.0, -MIDDLE)(variable)
    return keras.Model(x, layers.Subtract()([level, layers.Multiply()([slope, change])]), name=f"reader_{law}")


class GraphReader:
    """Message passing on the graph of :class:`nanonet.chemistry.packed.Graph` (Gilmer et al. 2017).

    h_i = embedding of the class of atom i; several times h_i <- relu(W h_i + mean over the places j of its neighbours
    of V h_j * e_ij) + h_i, e_ij an embedding of the bond; then the mean of h over the atoms.

    Args:
        atoms, neighbours: as of the graph.
        classes: of atoms; ``bonds``: of bonds; without nothing.
        width: numbers per atom.
        rounds: of messages.
    """

    def __init__(self, atoms: int, neighbours: int, classes: int, bonds: int, width: int = 32, rounds: int = 3) -> None:
        if min(atoms, neighbours, classes, bonds, width, rounds) < 1:
            raise ConfigError("atoms, neighbours, classes, bonds, width and rounds must be positive")
        self.atoms, self.neighbours, self.classes, self.bonds = atoms, neighbours, classes, bonds
        self.width, self.rounds = width, rounds

    @property
    def columns(self) -> int:
        """Columns of the packed graph."""
        return 1 + self.atoms * (1 + 2 * self.neighbours)

    def build(self, keras: Any, packed: Any) -> Any:
        """The mean over the atoms, (width,)."""
        layers, atoms, places = keras.layers, self.atoms, self.atoms * self.neighbours
        column = layers.Reshape((self.columns, 1))(packed)

        def cut(start: int, stop: int) -> Any:
            return layers.Flatten()(layers.Cropping1D((start, self.columns - stop))(column))

        kind, partner, bond = (
            cut(1, 1 + atoms),
            cut(1 + atoms, 1 + atoms + places),
            cut(1 + atoms + places, self.columns),
        )
        # Fixed tables: which atom a neighbour is, and whether there is an atom.
        choose = _table(keras, np.vstack([np.zeros(atoms), np.eye(atoms)]))(partner)
        there = _table(keras, np.array([[0.0], *[[1.0]] * self.classes]))(kind)
        edge = layers.Embedding(self.bonds + 1, self.width, name=f"{STRUCTURE}bonds")(bond)
        first = layers.Embedding(self.classes + 1, self.width, name=f"{STRUCTURE}atoms")(kind)
        state = layers.Multiply()([first, there])
        for number in range(self.rounds):
            sent = layers.Dense(self.width, name=f"{STRUCTURE}message{number}")(state)
            kept = layers.Dense(self.width, name=f"{STRUCTURE}update{number}")(state)
            message = layers.Dot(axes=(2, 1))([choose, sent])
            message = layers.Multiply()([message, edge])
            message = layers.AveragePooling1D(self.neighbours)(message)
            update = layers.Activation("relu")(layers.Add()([kept, message]))
            state = layers.Multiply()([layers.Add()([state, update]), there])
        total = layers.Flatten()(layers.Dot(axes=(1, 1))([there, state]))
        return layers.Multiply()([total, cut(0, 1)])


class TokenReader:
    """SMILES as a text (:class:`nanonet.chemistry.packed.Tokens`), read by a recurrent network or by attention.

    ``recurrent``: one layer of gated recurrent units (Cho et al. 2014) in both directions, last states.
    ``transformer``: letters plus places, blocks of self-attention and a dense layer (Vaswani et al. 2017), mean over
    the letters.

    Args:
        length, letters: of the texts.
        kind: ``recurrent`` or ``transformer``.
        width: numbers per letter.
        blocks: of the transformer.
    """

    def __init__(self, length: int, letters: int, kind: str, width: int = 32, blocks: int = 2) -> None:
        if min(length, letters, width, blocks) < 1 or kind not in ("recurrent", "transformer"):
            raise ConfigError(f"sizes must be positive and kind recurrent or transformer, got {kind!r}")
        self.columns, self.letters, self.kind, self.width, self.blocks = length, letters, kind, width, blocks

    def build(self, keras: Any, packed: Any) -> Any:
        """What was read, (width,) or (2 width,)."""
        layers = keras.layers
        state = layers.Embedding(self.letters + 2, self.width, name=f"{STRUCTURE}letters")(packed)
        if self.kind == "recurrent":
            # What is behind the end of a text is a letter of its own, which the network learns to pass over.
            return layers.Bidirectional(layers.GRU(self.width), name=f"{STRUCTURE}units")(state)
        there = _table(keras, np.array([[0.0], *[[1.0]] * (self.letters + 1)]))(packed)
        places = layers.Rescaling(0.0)(packed)
        places = layers.Add()([places, _counter(keras, self.columns)(places)])
        placed = layers.Embedding(self.columns, self.width, name=f"{STRUCTURE}places")(places)
        state = layers.Add()([state, placed])
        state = layers.Multiply()([state, there])
        for block in range(self.blocks):
            own = f"{STRUCTURE}block{block}_"
            size = max(1, self.width // HEADS)
            seen = layers.MultiHeadAttention(HEADS, size, name=f"{own}attention")(state, state)
            state = layers.LayerNormalization(name=f"{own}scale")(layers.Add()([state, seen]))
            wide = layers.Dense(2 * self.width, activation="relu", name=f"{own}wide")(state)
            narrow = layers.Dense(self.width, name=f"{own}narrow")(wide)
            state = layers.LayerNormalization(name=f"{own}rescale")(layers.Add()([state, narrow]))
        total = layers.Flatten()(layers.Dot(axes=(1, 1))([there, state]))
        return layers.LayerNormalization(name=f"{STRUCTURE}end")(total)


def _table(keras: Any, rows: Any) -> Any:
    """An embedding with fixed rows."""
    return keras.layers.Embedding(
        len(rows), rows.shape[1], trainable=False, embeddings_initializer=keras.initializers.Constant(rows.tolist())
    )


def _counter(keras: Any, length: int) -> Any:
    """0, 1, 2, ... whatever the input, as a layer without weights that learn."""
    return keras.layers.Dense(
        length,
        trainable=False,
        kernel_initializer="zeros",
        bias_initializer=keras.initializers.Constant(list(range(length))),
    )
