"""Frameworks whose arrays are recognised where the program has imported them; none is imported."""

from __future__ import annotations

import sys
from typing import Any


def torch_of(x: Any) -> Any:
    """torch, if `x` is one of its tensors; else None."""
    torch = sys.modules.get("torch")
    tensor = getattr(torch, "Tensor", None)  # another thread may be amid the import
    return torch if tensor is not None and isinstance(x, tensor) else None
