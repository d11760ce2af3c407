"""Every codec writes the oracle's bytes, leaves the oracle's residual, and reads them back."""

from itertools import product

import numpy as np
import pytest
import skimp

from tests import oracle
from tests.comparing import same_bits
from tests.pairwise import parametrize
from tests.tables import CODECS, COUNTS, DATA, DTYPES, SOME_DATA, array, exceeds

LARGE = (8191, 20_000, 40_000, 100_003)  # past the largest block, and where top-k guesses


@parametrize(codec=CODECS, count=COUNTS, data=tuple(DATA), dtype=DTYPES)
def test_frame_and_values(codec, count, data, dtype):
    x = array(data, count, dtype)
    if exceeds(codec, count):
        with pytest.raises(skimp.InvalidArgument, match=f"count = {count}"):
            skimp.codec(codec).encode(x)
        return
    model = oracle.codec(codec)
    frame, _ = oracle.encode_frame(model, x)
    assert bytes(skimp.codec(codec).encode(x)) == frame
    assert same_bits(skimp.decode(frame, like=x), oracle.decode_frame(model, frame))


@parametrize(codec=CODECS, count=LARGE, data=SOME_DATA, dtype=DTYPES)
def test_frame_and_values_of_large_arrays(codec, count, data, dtype):
    test_frame_and_values(codec, count, data, dtype)


@pytest.mark.long
@pytest.mark.parametrize("codec", CODECS)
def test_frame_and_values_in_full(codec):
    for case in product(COUNTS + LARGE, DATA, DTYPES):
        test_frame_and_values(codec, *case)


@parametrize(codec=CODECS, data=tuple(DATA), residual=tuple(DATA), dtype=DTYPES, count=COUNTS)
def test_residual(codec, data, residual, dtype, count):
    """What is left of one step goes into the next; a call that raises changes nothing."""
    x = array(data, count, dtype)
    left = array(residual, count, oracle.accumulator(x.dtype).name, seed=1)
    state = skimp.Residual(count, dtype)
    state.load(left, step=5)
    if exceeds(codec, count):
        with pytest.raises(skimp.InvalidArgument):
            skimp.codec(codec).encode(x, residual=state)
        assert same_bits(state.values, left) and state.step == 5
        return
    for step in (5, 6, 7):
        frame, left = oracle.encode_frame(oracle.codec(codec), x, left, step)
        assert bytes(skimp.codec(codec).encode(x, residual=state)) == frame
        assert same_bits(state.values, left)
        assert state.step == step + 1


@parametrize(codec=CODECS, dtype=DTYPES[:3], like=DTYPES[:3], data=("normal", "huge", "denormal"))
def test_decoding_to_another_type(codec, dtype, like, data):
    """Rounded once, from the accumulator's type."""
    model = oracle.codec(codec)
    frame, _ = oracle.encode_frame(model, array(data, 333, dtype))
    header, payload = oracle.open_frame(frame)
    expected = oracle.narrow(model.decode(payload, 333, header.dtype), oracle.dtype(like))
    assert same_bits(skimp.decode(frame, like=array("all_zero", 333, like)), expected)


@parametrize(codec=CODECS, dtype=DTYPES, offset=(1, 2, 3, 5), count=(33, 257, 5003))
def test_same_bytes_at_any_address(codec, dtype, offset, count):
    x = array("normal", count, dtype)
    moved = np.empty(count + offset, x.dtype)[offset:]
    moved[:] = x
    assert skimp.codec(codec).encode(moved) == skimp.codec(codec).encode(x)


@parametrize(codec=CODECS, dtype=DTYPES, shape=((), (7, 11), (3, 0), (2, 3, 50)))
def test_shapes_come_back(codec, dtype, shape):
    x = array("normal", int(np.prod(shape)), dtype).reshape(shape)
    if exceeds(codec, x.size):
        return
    payload = skimp.codec(codec).encode(x)
    assert skimp.decode(payload, like=x).shape == shape
    assert skimp.decode(payload).shape == (x.size,)
