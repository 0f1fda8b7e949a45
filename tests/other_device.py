"""A device that is not there: tensors that say they are elsewhere, and an error for whatever mixes them with others.

What lies on it is computed on the processor, and called ``meta``, for that device needs no hardware and no driver.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_flatten, tree_map

ELSEWHERE = "meta"
COPIES = (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default)


class Elsewhere(Tensor):
    """A tensor on the other device, whose content is ``here``."""

    here: Tensor

    @staticmethod
    def __new__(cls, here: Tensor) -> Elsewhere:
        made = Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, here.shape, strides=here.stride(), storage_offset=here.storage_offset(), dtype=here.dtype, device=ELSEWHERE
        )
        made.here = here
        return made

    def __repr__(self) -> str:  # type: ignore[override]
        return f"Elsewhere({self.here})"

    def tolist(self) -> Any:
        return self.here.tolist()

    @classmethod
    def __torch_dispatch__(
        cls, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        with OtherDevice():
            return func(*args, **(kwargs or {}))


class OtherDevice(TorchDispatchMode):
    """While it is on, the other device is there; an operation on tensors of both devices fails, as on a GPU."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        tensors = [one for one in tree_flatten((args, kwargs))[0] if isinstance(one, Tensor)]
        away = [one for one in tensors if isinstance(one, Elsewhere)]
        if away and func not in COPIES:
            mixed = [one for one in tensors if not isinstance(one, Elsewhere) and one.ndim]
            assert not mixed, f"{func} mixes tensors of both devices: {[tuple(one.shape) for one in tensors]}"
        target = kwargs.get("device")
        there = bool(away) if target is None else torch.device(target).type == ELSEWHERE
        if target is not None:
            kwargs["device"] = torch.device("cpu")
        bare = [tree_map(lambda one: one.here if isinstance(one, Elsewhere) else one, part) for part in (args, kwargs)]
        found = func(*bare[0], **bare[1])
        if not there:
            return found
        found = tree_map(lambda one: Elsewhere(one) if isinstance(one, Tensor) else one, found)
        return return_and_correct_aliasing(func, args, kwargs, found) if away else found
