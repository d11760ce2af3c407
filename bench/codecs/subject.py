"""A codec with its residual, called as the collectives call it: straight into the library."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import skimp
from skimp import _calls, dtypes
from skimp.bench import data, isa, verify
from skimp.bench.balance import count_lost, deviation
from skimp.bench.codecs import quantize, sign, topk
from skimp.bench.codecs.baseline import Baseline, Phase
from skimp.bench.options import Options
from skimp.bench.ranks import Array

BASELINES: Mapping[str, Callable[[skimp.Codec, Array], list[Baseline]]] = {
    "sign": sign.baselines,
    "quantize": quantize.baselines,
    "topk": topk.baselines,
}


class Subject:
    add = None

    def __init__(self, text: str, x: Array, options: Options, isa_name: str):
        self.label = text
        self.isa = isa_name
        self._codec = data.codec_for(text, x.size)
        self._x = x
        self._dtype = dtypes.of_numpy(x.dtype)
        self._bits = x.view(self._dtype.storage)
        self._out = np.empty_like(self._bits)
        self._residual = None
        if options.feedback:
            self._residual = skimp.Residual(x.size, self._dtype.name, in_place=options.in_place)
        room = _calls.frame_bytes(self._codec.handle, x.size, self._dtype.code)
        self._room = np.zeros(room, np.uint8)  # kept: what is timed meets no fresh page
        self._payload = self._room[:0]

    @property
    def payload_bytes(self) -> int:
        return len(self._payload)

    def encode(self) -> None:
        handle, code = self._codec.handle, self._dtype.code
        if self._residual is None:
            written = _calls.encode_into(handle, self._bits, code, 0, self._room)
        else:
            with self._residual.lend() as residual:
                written = _calls.encode_into(handle, self._bits, code, residual, self._room)
        self._payload = self._room[:written]

    def decode(self) -> None:
        _calls.decode(self._payload, self._out, self._dtype.code)

    def moved_bytes(self, phase: Phase) -> None:
        """Not counted: what caches keep is not known."""

    def baselines(self) -> list[Baseline]:
        """What there is to compare with; numpy and torch are quick with float32 only."""
        make = BASELINES.get(self._codec.text.partition("(")[0])
        return make(self._codec, self._x) if make and self._x.dtype == np.float32 else []

    def verify(self) -> verify.Verdict:
        """Encodes and decodes once, checked for what is lost; not to be timed."""
        isa.use(self.isa)
        old = [] if self._residual is None else [self._residual.values.copy()]
        self.encode()
        self._out.view(np.uint8).fill(0xA5)  # what is not written must not look right
        self.decode()
        new = [] if self._residual is None else [self._residual.values]
        decoded = self._out.view(self._x.dtype)
        lost = count_lost([self._x], old, new, decoded) if self._loses_nothing else 0
        return verify.Verdict(lost, deviation(self._x, decoded))

    @property
    def _loses_nothing(self) -> bool:
        return self._residual is not None or isinstance(self._codec, skimp.Identity)
