"""A codec with its residual on a device: kernels alone, payloads stay where they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import skimp
from skimp import _calls, dtypes
from skimp.bench import data, verify
from skimp.bench.balance import count_lost, deviation
from skimp.bench.codecs import lowrank, sign, topk
from skimp.bench.codecs.baseline import Baseline, Phase
from skimp.bench.device import Device, Memory
from skimp.bench.options import Options
from skimp.bench.ranks import Array

BASELINES: Mapping[str, Callable[[skimp.Codec, Array, Any, Any], list[Baseline]]] = {
    "sign": sign.baselines_in_torch,
    "topk": topk.baselines_in_torch,
    "lowrank": lowrank.baselines_in_torch,
}


class DeviceSubject:
    isa = None

    def __init__(self, text: str, x: Array, options: Options, device: Device, input: Memory):
        self.label = text
        self._codec = data.codec_for(text, x.size)
        self._x = x
        self._dtype = dtypes.of_numpy(x.dtype)
        self._wide = dtypes.accumulator(self._dtype)
        self._device = device
        self._input = input
        self._residual = None
        if options.feedback:
            self._residual = skimp.Residual(
                x.size, self._dtype.name, in_place=options.in_place, device=device.index
            )
        sizes = _calls.device_room_bytes(self._codec.handle, x.size, self._dtype.code)
        self.payload_bytes, workspace_bytes = sizes[0], max(sizes[1:])
        self._payload = device.empty(self.payload_bytes)
        self._workspace = device.empty(workspace_bytes)
        self._word = device.empty(4)
        self._out = device.empty(x.size * self._wide.storage.itemsize)  # so that `add` fits, too
        device.write(self._out, np.zeros(x.size, self._wide.storage))
        self._room = (
            self._payload.address,
            self.payload_bytes,
            self._workspace.address,
            workspace_bytes,
            self._word.address,
        )

    def encode(self) -> None:
        arguments = self._codec.handle, self._input.address, self._x.size, self._dtype.code
        stream = self._device.stream
        if self._residual is None:
            _calls.queue_encode(*arguments, 0, self._room, stream)
        else:
            with self._residual.lend() as residual:
                _calls.queue_encode(*arguments, residual, self._room, stream)

    def decode(self) -> None:
        self._decode(add=False)

    def add(self) -> None:
        """Decodes, and adds to what is there."""
        self._decode(add=True)

    def _decode(self, add: bool) -> None:
        _calls.queue_decode(
            *(self._codec.handle, self._room, self._out.address, self._x.size),
            *(self._dtype.code, add, self._device.stream),
        )

    def moved_bytes(self, phase: Phase) -> int | None:
        """What the step must read and write, caches apart; README.md says why so much."""
        dense, wide = self._x.nbytes, self._x.size * self._wide.storage.itemsize
        is_lowrank = isinstance(self._codec, skimp.LowRank)
        if phase == "encode":
            if self._residual is None:
                return (2 if is_lowrank else 1) * dense + self.payload_bytes
            return dense + (5 if is_lowrank else 2) * wide + self.payload_bytes
        if phase == "decode":
            return self.payload_bytes + dense
        if isinstance(self._codec, skimp.TopK):
            return None
        return self.payload_bytes + 2 * wide

    def baselines(self) -> list[Baseline]:
        """What torch and cupy offer; as on the host, for float32 only."""
        make = BASELINES.get(self._codec.text.partition("(")[0])
        torch = self._device.torch
        if make is None or torch is None or self._x.dtype != np.float32:
            return []
        return make(self._codec, self._x, torch, torch.from_numpy(self._x).cuda())

    def verify(self) -> verify.Verdict:
        """Encodes and decodes once: what is lost, and bytes that are not those that the codec
        writes on the host. Not to be timed."""
        self._device.wait()  # the residual is saved in another stream
        before = _on_host(self._residual)
        self.encode()
        payload = self._device.read(self._payload, self.payload_bytes)
        self._device.write(self._out, np.full(self._x.nbytes, 0xA5, np.uint8))
        self.decode()
        decoded = self._device.read(self._out, self._x.nbytes).view(self._x.dtype)
        if self._device.read(self._word, 4).any():
            return verify.Verdict(self._x.size)  # the decoder has refused the payload
        after = _on_host(self._residual)
        old = [] if before is None else [before.values.copy()]
        new = [] if after is None else [after.values]
        expected = np.frombuffer(self._codec.encode(self._x, before), np.uint8)
        wrong = int(np.count_nonzero(expected[-self.payload_bytes :] != payload))
        loses_nothing = before is not None or isinstance(self._codec, skimp.Identity)

        def check(parts: list[slice]) -> verify.Verdict:
            (part,) = parts
            lost = 0
            if loses_nothing:
                left, kept = ([values[part] for values in each] for each in (old, new))
                lost = count_lost([self._x[part]], left, kept, decoded[part])
            return verify.Verdict(lost, deviation(self._x[part], decoded[part]))

        with ThreadPoolExecutor() as pool:  # arrays that fill a GPU take one core a while
            return sum(pool.map(check, verify.pieces(self._x.size, 1)), start=verify.Verdict(wrong))


def _on_host(residual: skimp.Residual | None) -> skimp.Residual | None:
    return None if residual is None else residual.moved_to(None)
