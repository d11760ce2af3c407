"""Gossip through the C interface: the bits that Python gets, and what it refuses."""

from ctypes import byref, c_double

import numpy as np
import skimp

from tests.capi import abi
from tests.comparing import same_bits
from tests.tables import array

COUNT, RANKS, STEPS = 1000, 4, 3


def test_the_same_as_in_python(lib):
    codec = lib.make("codec", b"sign(block=32)")
    graph = lib.make("graph", b"ring", RANKS)
    step_size = c_double()
    assert lib.graph_step_size(graph, codec, COUNT, byref(step_size)) == abi.OK

    def mix(communicator, rank):
        x = array("normal", COUNT, "float32", seed=rank)
        residual = lib.make("residual", 3 * COUNT, abi.FLOAT32, 0)
        options = abi.Options(codec=codec, graph=graph, residual=residual)
        given = (communicator, x.ctypes.data, x.ctypes.data, COUNT, abi.FLOAT32, byref(options))
        for _ in range(STEPS):
            assert lib.mix(*given) == abi.OK
        lib.residual_destroy(residual)
        return x

    arrays = lib.on_ranks(RANKS, mix)

    def worker(comm):
        gossip = skimp.Gossip(skimp.Sign(32), graph="ring")
        x = array("normal", COUNT, "float32", seed=comm.rank)
        for _ in range(STEPS):
            x = comm.mix(x, gossip)
        return x, gossip.graph(RANKS).step_size(gossip.codec, COUNT)

    for mixed, (expected, default) in zip(arrays, skimp.run_threads(RANKS, worker), strict=True):
        assert same_bits(mixed, expected)
        assert default == step_size.value
    lib.graph_destroy(graph)
    lib.codec_destroy(codec)


def test_what_is_refused(lib):
    (alone,) = lib.make_threads(1)
    codec = lib.make("codec", b"sign")
    one, two = (lib.make("graph", b"ring", ranks) for ranks in (1, 2))
    residual = lib.make("residual", 3 * COUNT, abi.FLOAT32, 0)
    short = lib.make("residual", COUNT, abi.FLOAT32, 0)
    x = np.ones(COUNT, np.float32)
    for options, says in (
        ({}, "graph is missing"),
        ({"graph": two}, "the graph is of 2 ranks, the communicator has 1"),
        ({"graph": one, "codec": codec}, "needs a residual of 3"),
        ({"graph": one, "codec": codec, "residual": short}, "made for 1000 elements"),
        ({"graph": one, "residual": residual}, "identity keeps no residual"),
        ({"graph": one, "step_size": -0.5}, "step_size = -0.5"),
        ({"graph": one, "step_size": float("nan")}, "step_size = nan"),
        ({"graph": one, "algorithm": b"choco"}, "has nothing to remember"),
        ({"graph": one, "codec": codec, "algorithm": b"plain"}, "keeps no state"),
    ):
        given = abi.Options(**options)
        status = lib.mix(alone, x.ctypes.data, x.ctypes.data, COUNT, abi.FLOAT32, byref(given))
        assert status == abi.INVALID_ARGUMENT, lib.last_error_message()
        assert says in lib.last_error_message()
    made = abi.c_void_p()
    for says, call, *arguments in (
        ("name is NULL", lib.graph_create, None, 2, byref(made)),
        ("world_size = 0", lib.graph_create, b"ring", 0, byref(made)),
        ("graph is NULL", lib.graph_create, b"ring", 2, None),
        ("weights is NULL", lib.graph_create_from_weights, None, 2, byref(made)),
        ("sum to 2", lib.graph_create_from_weights, byref(c_double(2)), 1, byref(made)),
        ("graph is NULL", lib.graph_step_size, None, codec, 1, byref(c_double())),
        ("step_size is NULL", lib.graph_step_size, one, codec, 1, None),
    ):
        assert call(*arguments) == abi.INVALID_ARGUMENT
        assert says in lib.last_error_message()
