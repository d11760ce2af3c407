"""lowrank writes the oracle's bytes, and is the projection that its paper says."""

import numpy as np
import pytest
import skimp
from skimp import _objects

from tests import oracle
from tests.comparing import same_bits
from tests.oracle import lowrank as model
from tests.pairwise import parametrize
from tests.tables import DATA, DTYPES, array

ISAS = tuple(_objects.isa_names().split(", "))

# Matrices that are factored and matrices that are not, wide and tall, around the sizes of lanes,
# bands and panels; vectors and empty ones between them.
SHAPES = (
    "0",
    "7",
    "1x9",
    "9x1",
    "3x0+5",
    "6x5",
    "16x32",
    "17x33",
    "40x513+3",
    "5+33x31+0+2x2+20x70+1",
    "300x4+4x300",
)
RANKS = (1, 2, 3, 4, 7, 32)


def count_of(shapes: str) -> int:
    return oracle.LowRank(shapes=shapes).pieces()[-1].end


@pytest.fixture(autouse=True)
def _isa():
    before = _objects.isa()
    yield
    _objects.use_isa(before)


@parametrize(shapes=SHAPES, rank=RANKS, dtype=DTYPES, data=tuple(DATA), isa=ISAS)
def test_frame_and_values(shapes, rank, dtype, data, isa):
    _objects.use_isa(isa)
    text = f"lowrank(rank={rank},shapes={shapes})"
    codec, x = oracle.codec(text), array(data, count_of(shapes), dtype)
    frame, _ = oracle.encode_frame(codec, x)
    assert bytes(skimp.codec(text).encode(x)) == frame
    assert same_bits(skimp.decode(frame, like=x), oracle.decode_frame(codec, frame))


@parametrize(shapes=SHAPES, rank=RANKS, dtype=DTYPES, data=tuple(DATA), warm=("yes", "no"))
def test_residual_and_memory(shapes, rank, dtype, data, warm):
    text = f"lowrank(rank={rank},warm_start={warm},shapes={shapes})"
    codec, count = oracle.codec(text), count_of(shapes)
    state = skimp.Residual(count, dtype)
    left = np.zeros(count, oracle.accumulator(oracle.dtype(dtype)))
    memory = None
    for step in range(3):
        x = array(data, count, dtype, seed=step)
        values = oracle.widen(x) + left
        payload, left, memory = model.encode(codec, values, oracle.Draws(call=step), memory)
        frame = skimp.codec(text).encode(x, residual=state)
        assert frame[oracle.HEADER_BYTES :] == payload
        assert same_bits(state.values, left)
        assert same_bits(state.memory, memory)
