"""Which operation made a tensor, by its autograd node: views of what it made are looked through."""

from __future__ import annotations

import torch

VIEWS = frozenset(
    [
        "ViewBackward0",
        "UnsafeViewBackward0",
        "ReshapeAliasBackward0",
        "SqueezeBackward0",
        "SqueezeBackward1",
        "SqueezeBackward2",
        "UnsqueezeBackward0",
        "TransposeBackward0",
        "PermuteBackward0",
        "TBackward0",
        "SliceBackward0",
        "SelectBackward0",
        "CloneBackward0",
        "ToCopyBackward0",
        "AliasBackward0",
        "ExpandBackward0",
        "IndexBackward0",
        "AsStridedBackward0",
        "SplitBackward0",
        "UnbindBackward0",
        "ContiguousBackward0",
        "FlattenBackward0",
        "ViewAsBackward0",
        "UnflattenBackward0",
    ]
)


def origin(tensor: torch.Tensor) -> str:
    """What produced the tensor: the name of the nearest autograd node that is not a view, without ``Backward0``.

    >>> z = torch.zeros(4, 3, requires_grad=True)
    >>> origin(z.softmax(1).view(-1))
    'Softmax'
    """
    node = tensor.grad_fn
    for _ in range(16):
        if node is None:
            return ""
        name = node.name()
        if name not in VIEWS:
            return name.removesuffix("0").removesuffix("Backward")
        node = node.next_functions[0][0] if node.next_functions else None
    return ""
