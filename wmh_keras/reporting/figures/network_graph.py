"""A network as blocks and links, whatever it is built with."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Convolution:
    """One convolution layer.

    Attributes:
        kernel: such as "3×3".
        channels: of its output.
    """

    kernel: str
    channels: int


@dataclasses.dataclass(frozen=True)
class Node:
    """A block of layers at one resolution, or where a skip comes in.

    Attributes:
        kind: "input", "block" or "merge".
        level: 0 for the finest resolution.
        columns: convolutions of a block in order; those in one column work
            side by side on the same input.
        channels: of the output.
        merge: "concatenate", "add", ... of a merge; "" of a block.
        residual: whether a block adds two of its own paths.
    """

    kind: str
    level: int
    columns: tuple[tuple[Convolution, ...], ...] = ()
    channels: int = 0
    merge: str = ""
    residual: bool = False


@dataclasses.dataclass(frozen=True)
class Link:
    """What leads from one node to another.

    Attributes:
        source, target: indices of nodes.
        kind: "down", "up", "skip" or "forward".
        label: what the layer does, such as "max pooling 2×2".
    """

    source: int
    target: int
    kind: str
    label: str = ""


@dataclasses.dataclass(frozen=True)
class NetworkGraph:
    """A network as blocks and links.

    Attributes:
        nodes: in the order of the computation.
        links: between them.
        levels: what to call each resolution, such as "192 × 192", or "1/2"
            where the sides are free.
        follows: what stands behind the convolutions, such as "ReLU".
        num_parameters: trainable ones.
        num_convolutions: convolution layers, transposed ones included.
        num_transposed: the transposed ones.
    """

    nodes: tuple[Node, ...]
    links: tuple[Link, ...]
    levels: tuple[str, ...]
    follows: tuple[str, ...]
    num_parameters: int
    num_convolutions: int
    num_transposed: int
