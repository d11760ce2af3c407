"""What a payload says of itself, and how small it is."""

import pickle

import numpy as np
import pytest
import skimp

from tests import oracle
from tests.pairwise import parametrize
from tests.tables import CODECS, COUNTS, DTYPES, array


@parametrize(codec=CODECS, dtype=DTYPES, count=COUNTS[3:])
def test_size_and_description(codec, dtype, count):
    x, model = array("normal", count, dtype), oracle.codec(codec)
    payload = skimp.codec(codec).encode(x)
    assert payload.nbytes == len(bytes(payload))
    most = oracle.HEADER_BYTES + model.payload_bytes(count, x.dtype)
    assert payload.nbytes == most if model.fixed_size else payload.nbytes <= most
    assert payload.ratio == x.nbytes / payload.nbytes
    assert (payload.count, payload.dtype, payload.nonfinite) == (count, dtype, False)
    assert payload.codec.partition("(")[0] == codec.partition("(")[0]


@parametrize(codec=CODECS, dtype=DTYPES, value=(np.nan, np.inf, -np.inf), place=(0, 50, 99))
def test_nonfinite_is_flagged(codec, dtype, value, place):
    x = array("normal", 100, dtype)
    x[place] = value
    payload = skimp.codec(codec).encode(x)
    assert payload.nonfinite
    assert pickle.loads(pickle.dumps(payload)).nonfinite


@pytest.mark.parametrize(
    ("codec", "ratio"),
    [
        ("sign", 31),
        ("quantize(bits=8)", 3.9),
        ("quantize(bits=4)", 7.6),
        ("topk(density=0.01,values=float16)", 125),
    ],
)
def test_ratio_of_four_million_elements(codec, ratio):
    x = np.random.default_rng(0).standard_normal(2**22, np.float32)
    assert skimp.codec(codec).encode(x).ratio >= ratio


@pytest.mark.parametrize("codec", ["sign", "threshold(magnitude=1.5)"])
def test_it_is_bytes(codec):
    """Of a size known beforehand, and of one that is less than there was room for."""
    payload = skimp.codec(codec).encode(array("normal", 1000, "float32"))
    frame = bytes(payload)
    assert type(payload) is skimp.Payload and type(frame) is bytes
    assert payload == frame and {frame: "found"}[payload] == "found"
    assert pickle.loads(pickle.dumps(payload)) == skimp.Payload(frame) == payload
