"""Where codecs are measured: in the host's memory, or in a device's."""

from __future__ import annotations

from typing import Protocol

from skimp.bench import device, isa
from skimp.bench.codecs.baseline import Baseline, Phase, roof_on, roofs
from skimp.bench.codecs.device_subject import DeviceSubject
from skimp.bench.codecs.subject import Subject
from skimp.bench.options import Options
from skimp.bench.ranks import Array
from skimp.bench.timing import SHORTEST_TURN_SECONDS

AnySubject = Subject | DeviceSubject
Contestant = Baseline | AnySubject


class Place(Protocol):
    phases: tuple[Phase, ...]
    shortest_turn: float
    roofs: list[Baseline]
    """First the copy; on the host then `e += g`."""

    def subjects(self, text: str) -> list[AnySubject]: ...

    def finish(self) -> None:
        """Waits for what is queued."""


class OnHost:
    phases: tuple[Phase, ...] = ("encode", "decode")
    shortest_turn = SHORTEST_TURN_SECONDS

    def __init__(self, options: Options, x: Array):
        self._options, self._x = options, x
        self.roofs = roofs(x)

    def subjects(self, text: str) -> list[AnySubject]:
        names = self._options.isas or [isa.in_use()]
        return [Subject(text, self._x, self._options, name) for name in names]

    def finish(self) -> None:
        pass


class OnDevice:
    phases: tuple[Phase, ...] = ("encode", "decode", "add")
    shortest_turn = 10 * SHORTEST_TURN_SECONDS  # waiting takes a little, once a turn

    def __init__(self, options: Options, x: Array, kind: str):
        self._options, self._x = options, x
        self._device = device.opened(kind)
        self._input = self._device.empty(x.nbytes)
        self._device.write(self._input, x)
        self.roofs = [roof_on(self._device, x, self._input)]
        self.finish = self._device.wait

    def subjects(self, text: str) -> list[AnySubject]:
        return [DeviceSubject(text, self._x, self._options, self._device, self._input)]


def place_for(options: Options, x: Array) -> Place:
    return OnHost(options, x) if options.device is None else OnDevice(options, x, options.device)
