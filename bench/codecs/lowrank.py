"""The products of PowerSGD (Vogels et al. 2019) in torch, with its residual and warm start."""

from __future__ import annotations

import re
from typing import Any

import skimp
from skimp.bench.codecs.baseline import Baseline
from skimp.bench.ranks import Array


def baselines_in_torch(codec: skimp.Codec, x: Array, torch: Any, tensor: Any) -> list[Baseline]:
    """Where the shapes are one matrix."""
    found = re.search(r"rank=(\d+).*shapes=(\d+)x(\d+)\)", codec.text)
    if found is None:
        return []
    rank, rows, columns = map(int, found.groups())
    matrix = tensor.view(rows, columns)
    residual = torch.zeros_like(matrix)
    p = torch.empty(rows, rank, device=tensor.device)
    q = torch.randn(columns, rank, device=tensor.device)

    def encode() -> None:
        torch.add(matrix, residual, out=residual)
        torch.mm(residual, q, out=p)
        p.copy_(torch.linalg.qr(p).Q)
        torch.mm(residual.t(), p, out=q)
        residual.addmm_(p, q.t(), alpha=-1)

    encode()
    payload_bytes = (rows + columns) * rank * x.itemsize
    return [Baseline("  torch PowerSGD", encode, lambda: torch.mm(p, q.t()), payload_bytes)]
