"""lowrank's kernels write the CPU's and the oracle's bytes, products included."""

import numpy as np
import pytest
import skimp

from tests import oracle
from tests.comparing import same_bits
from tests.cuda.emulation import (
    ORDERS,
    on_device,
    on_host,
    thread_order,
    use_library,
)
from tests.oracle import lowrank as model
from tests.pairwise import parametrize
from tests.tables import DATA, DTYPES, SOME_DATA, array

# Matrices that are factored and matrices that are not, around the sizes of warps and spans; more of
# them than a launch takes.
SHAPES = (
    "0",
    "7+1x9",
    "6x5",
    "17x33",
    "40x70+3+0+2x2+20x65+1",
    "300x4+4x300",
    "513x9+9x4097",
    "+".join(35 * ["3", "7x6"]),
)
RANKS = (1, 2, 4, 5, 16, 32)


@pytest.fixture(autouse=True, scope="module")
def library():
    use_library()


def count_of(shapes: str) -> int:
    return oracle.LowRank(shapes=shapes).pieces()[-1].end


@parametrize(shapes=SHAPES, rank=RANKS, dtype=DTYPES, data=tuple(DATA), order=ORDERS)
def test_frame_and_values(shapes, rank, dtype, data, order):
    text = f"lowrank(rank={rank},shapes={shapes})"
    model, x = oracle.codec(text), array(data, count_of(shapes), dtype)
    frame, _ = oracle.encode_frame(model, x)
    with thread_order(order):
        assert bytes(skimp.codec(text).encode(on_device(x))) == frame
        decoded = skimp.decode(frame, like=on_device(x))
    assert same_bits(on_host(decoded, x.dtype), oracle.decode_frame(model, frame))


@parametrize(
    shapes=SHAPES[2:], rank=RANKS, dtype=DTYPES, data=SOME_DATA, warm=("yes", "no"), order=ORDERS
)
def test_residual_and_memory(shapes, rank, dtype, data, warm, order):
    text = f"lowrank(rank={rank},warm_start={warm},shapes={shapes})"
    codec, count = oracle.codec(text), count_of(shapes)
    state = skimp.Residual(count, dtype, device=0, in_place=rank == 4)
    left = np.zeros(count, oracle.accumulator(oracle.dtype(dtype)))
    memory = None
    for step in range(3):
        x = array(data, count, dtype, seed=step)
        with np.errstate(over="ignore"):
            values = oracle.widen(x) + left
        payload, left, memory = model.encode(codec, values, oracle.Draws(call=step), memory)
        with thread_order(order):
            frame = skimp.codec(text).encode(on_device(x, offset=step), residual=state)
        assert frame[oracle.HEADER_BYTES :] == payload
        assert same_bits(state.values, left)
        assert same_bits(state.memory, memory)


@parametrize(dtype=DTYPES[:3], like=DTYPES[:3], data=("normal", "huge", "denormal"), rank=(1, 7))
def test_decoding_to_another_type(dtype, like, data, rank):
    codec = oracle.codec(f"lowrank(rank={rank},shapes=20x30+5)")
    frame, _ = oracle.encode_frame(codec, array(data, 605, dtype))
    header, payload = oracle.open_frame(frame)
    expected = oracle.narrow(codec.decode(payload, 605, header.dtype), oracle.dtype(like))
    decoded = skimp.decode(frame, like=on_device(array("all_zero", 605, like)))
    assert same_bits(on_host(decoded, expected.dtype), expected)


@pytest.mark.parametrize("shape", [(), (7,), (20, 30), (20, 3, 10), (3, 0)])
def test_shapes_are_those_of_the_array(shape):
    x = array("normal", int(np.prod(shape)), "float32").reshape(shape)
    assert skimp.LowRank(2).encode(on_device(x)) == skimp.LowRank(2).encode(x)


@parametrize(shapes=("6x5+3", "5", "20x9+0"), rank=(1, 2), dtype=("float32", "float64"))
def test_damaged_payloads_are_refused_or_read_as_on_the_cpu(shapes, rank, dtype):
    text = f"lowrank(rank={rank},shapes={shapes})"
    x = array("normal", count_of(shapes), dtype)
    header, payload = oracle.open_frame(oracle.encode_frame(oracle.codec(text), x)[0])
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(100):
        damaged = bytearray(payload)
        damaged[rng.integers(min(len(payload), 80))] ^= 1 << rng.integers(8)
        frame = oracle.seal(header, bytes(damaged))
        try:
            expected = skimp.decode(frame, like=x)
        except skimp.CorruptPayload:
            refused += 1
            with pytest.raises(skimp.CorruptPayload):
                skimp.decode(frame, like=on_device(x))
            continue
        assert same_bits(on_host(skimp.decode(frame, like=on_device(x)), x.dtype), expected)
    assert 0 < refused < 100
