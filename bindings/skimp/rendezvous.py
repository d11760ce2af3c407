"""How processes come to have a connection each with each.

Rank 0 listens, and its unique id says where, with a token that strangers do not know. The others
connect to it and say who they are and where they listen themselves. When all have come, rank 0
sends the list to all, and each connects to the ranks below it.

Messages are JSON behind their length: nothing is read beyond them, since what comes next on these
connections is Skimp's.
"""

from __future__ import annotations

import builtins
import json
import secrets
import socket
import struct
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from skimp.carriers import Carrier
from skimp.errors import Error, InvalidArgument, MismatchError, TimeoutError, TransportError

_FORM = "skimp-1"
_LENGTH = struct.Struct("<I")
_LONGEST = 1 << 24
_LOOK = 0.1
"""Seconds between two looks at what the carrier holds."""
_GRACE = 1.0
"""Seconds that an answer may still be under way when its id is replaced by that of a next world."""
_MANNERS = 5.0
"""Seconds in which who connects must say who it is, and who listens take the connection."""


class Place(NamedTuple):
    """Where a rank listens."""

    address: str
    port: int

    def __str__(self) -> str:
        return f"{self.address}:{self.port}"


@dataclass(frozen=True)
class Party:
    """This rank, while it looks for the others."""

    rank: int
    world_size: int
    address: str | None
    timeout: float
    deadline: float

    @property
    def left(self) -> float:
        return max(0.0, self.deadline - time.monotonic())


def meet(
    carrier: Carrier, rank: int, world_size: int, address: str | None, timeout: float
) -> tuple[list[socket.socket | None], list[str]]:
    """A connection with each rank, none with this one; and all ranks' addresses."""
    party = Party(rank, world_size, address, timeout, time.monotonic() + timeout)
    with ExitStack() as opened:
        peers, places = (_gather if rank == 0 else _join)(party, carrier, opened)
        opened.pop_all()
    for peer in peers.values():
        if peer.family != socket.AF_UNIX:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return [peers.get(each) for each in range(world_size)], [place.address for place in places]


# ---- Rank 0 ------------------------------------------------------------------------------------


def _gather(
    party: Party, carrier: Carrier, opened: ExitStack
) -> tuple[dict[int, socket.socket], list[Place]]:
    with _listen(party.address or _outward_address(), party) as listener:
        place = Place(*listener.getsockname()[:2])
        token = secrets.token_hex(16)
        unique_id = f"{_FORM} {place.address} {place.port} {token}"
        carrier.publish(unique_id)
        peers: dict[int, socket.socket] = {}
        places = {0: place}
        try:
            while len(peers) < party.world_size - 1:
                peer = _accept(listener, party, places, lambda: carrier.check(unique_id))
                opened.enter_context(closing(peer))
                if (hello := _hear(peer, token)) is None:
                    continue
                try:
                    _check(hello, party, places)
                except MismatchError as error:
                    _tell([peer], _refusal(error))
                    raise
                peers[hello["rank"]] = peer
                places[hello["rank"]] = Place(hello["address"], hello["port"])
            ordered = [places[rank] for rank in range(party.world_size)]
            _tell(peers.values(), {"places": ordered})
        except Error as error:
            _tell(peers.values(), _refusal(error))
            raise
        finally:
            carrier.withdraw(unique_id)
    return peers, ordered


def _check(hello: Mapping[str, Any], party: Party, places: Mapping[int, Place]) -> None:
    rank, world_size = hello["rank"], hello["world_size"]
    if world_size != party.world_size:
        raise MismatchError(
            f"tcp: rank {rank} was given world_size = {world_size}, rank 0 {party.world_size}"
        )
    if rank in places:
        raise MismatchError(
            f"tcp: rank {rank} is at {places[rank]} and again at {hello['address']}:"
            f"{hello['port']}: each process needs a rank of its own, each job an id of its own"
        )


def _refusal(error: Error) -> dict[str, Any]:
    return {"error": str(error), "mismatch": isinstance(error, MismatchError)}


def _tell(peers: Any, message: Mapping[str, Any]) -> None:
    for peer in peers:
        with suppress(OSError):  # it will see that this rank is gone, or this one that it is
            _say(peer, message)


# ---- The others --------------------------------------------------------------------------------


def _join(
    party: Party, carrier: Carrier, opened: ExitStack
) -> tuple[dict[int, socket.socket], list[Place]]:
    root, listener, token, reply = _reach_root(party, carrier)
    opened.enter_context(closing(root))
    with listener:
        if "error" in reply:
            raise (MismatchError if reply["mismatch"] else TimeoutError)(reply["error"])
        places = [Place(*place) for place in reply["places"]]
        peers = {0: root}
        for rank in range(1, party.rank):
            peers[rank] = opened.enter_context(closing(_call(party, rank, places[rank])))
            _say(peers[rank], {"token": token, "rank": party.rank})
        while len(peers) < party.world_size - 1:
            peer = _accept(listener, party, {**peers, party.rank: None})
            opened.enter_context(closing(peer))
            hello = _hear(peer, token)
            if hello is not None and party.rank < hello["rank"] < party.world_size:
                peers[hello["rank"]] = peer
    return peers, places


def _reach_root(
    party: Party, carrier: Carrier
) -> tuple[socket.socket, socket.socket, str, dict[str, Any]]:
    """The connection with rank 0, where this rank listens, the token, and what rank 0 says.

    An id to which nobody answers, or that is replaced while rank 0 is silent, is that of an earlier
    job: it is left for the next that is there."""
    why = f"nothing is in {carrier}"
    while party.left > 0:
        found = carrier.fetch()
        if found is not None:
            try:
                return _call_root(party, found, carrier)
            except Error:
                raise
            except (OSError, ValueError) as error:
                why = f"{carrier} says {found!r:.100}: {error}"
        time.sleep(min(_LOOK, party.left))
    raise TimeoutError(
        f"tcp: rank {party.rank} has not found rank 0 within {party.timeout:g} s: {why}"
    )


def _call_root(
    party: Party, unique_id: str, carrier: Carrier
) -> tuple[socket.socket, socket.socket, str, dict[str, Any]]:
    form, address, port, token = unique_id.split() if unique_id.count(" ") == 3 else [""] * 4
    if form != _FORM or not port.isdecimal():
        raise ValueError(f"that is not {_FORM} ADDRESS PORT TOKEN")

    replaced: list[float] = []  # when another id was first seen

    def check() -> None:
        if carrier.fetch() in (None, unique_id):  # gone, when rank 0 has what it wants
            return
        replaced.append(time.monotonic())
        if replaced[-1] > replaced[0] + _GRACE:
            raise ConnectionError("silence, and another id is there now")

    with ExitStack() as opened:
        root = socket.create_connection((address, int(port)), min(_MANNERS, max(party.left, 0.01)))
        opened.enter_context(closing(root))
        listener = _listen(party.address or root.getsockname()[0], party)
        opened.enter_context(closing(listener))
        own = Place(*listener.getsockname()[:2])
        hello = {"rank": party.rank, "world_size": party.world_size, **own._asdict()}
        _say(root, {"token": token, **hello})
        reply = _read(root, party.deadline, check)
        opened.pop_all()
    return root, listener, token, reply


def _call(party: Party, rank: int, place: Place) -> socket.socket:
    try:
        return socket.create_connection(place, max(party.left, 0.01))
    except OSError as error:
        raise TransportError(
            f"tcp: rank {party.rank} cannot reach rank {rank} at {place}: {error}"
        ) from error


# ---- Sockets -----------------------------------------------------------------------------------


def _outward_address() -> str:
    """That of the route to other networks; there need not be one. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, suppress(OSError):
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])
    with suppress(OSError):
        return socket.gethostbyname(socket.gethostname())
    return "127.0.0.1"


def _listen(address: str, party: Party) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.create_server((address, 0), family=family, backlog=party.world_size)
    except OSError as error:
        raise InvalidArgument(
            f"tcp: rank {party.rank} cannot listen at {address}, which must be an address of its "
            f"machine: {error}"
        ) from error


def _accept(
    listener: socket.socket,
    party: Party,
    present: Mapping[int, object],
    check: Callable[[], None] = lambda: None,
) -> socket.socket:
    while party.left > 0:
        listener.settimeout(min(_LOOK, max(party.left, 0.01)))
        with suppress(socket.timeout):
            return listener.accept()[0]
        check()
    missing = [str(rank) for rank in range(party.world_size) if rank not in present]
    raise TimeoutError(
        f"tcp: of {party.world_size} ranks, {', '.join(missing)} did not join rank {party.rank} "
        f"within {party.timeout:g} s"
    )


def _hear(peer: socket.socket, token: str) -> dict[str, Any] | None:
    """Who it is that has connected; None for a stranger."""
    try:
        hello = _read(peer, time.monotonic() + _MANNERS)
        known = secrets.compare_digest(str(hello["token"]), token) and hello["rank"] >= 0
    except (OSError, ValueError, KeyError, TypeError):
        known = False
    if known:
        return hello
    peer.close()
    return None


def _say(peer: socket.socket, message: Mapping[str, Any]) -> None:
    peer.settimeout(_MANNERS)
    data = json.dumps(message).encode("ascii")
    peer.sendall(_LENGTH.pack(len(data)) + data)


def _read(
    peer: socket.socket, deadline: float, check: Callable[[], None] = lambda: None
) -> dict[str, Any]:
    def exactly(count: int) -> bytes:
        data = b""
        while len(data) < count:
            left = deadline - time.monotonic()
            if left <= 0:
                raise OSError("silence")
            peer.settimeout(min(left, _LOOK))
            try:
                chunk = peer.recv(count - len(data))
            except builtins.TimeoutError:
                check()
                continue
            if not chunk:
                raise ConnectionError("the connection was closed")
            data += chunk
        return data

    (length,) = _LENGTH.unpack(exactly(_LENGTH.size))
    if length > _LONGEST:
        raise ValueError(f"a message of {length} bytes")
    try:
        message = json.loads(exactly(length))
    except RecursionError as error:
        raise ValueError("a message of too many levels") from error
    if not isinstance(message, dict):
        raise ValueError("something else than a message of Skimp's")
    return message
