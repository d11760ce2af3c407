"""The oracle against published vectors, exact arithmetic and bytes made by hand."""

import math
from fractions import Fraction

import numpy as np
import pytest

from tests import oracle
from tests.oracle import bitstring
from tests.oracle.collectives import shards
from tests.oracle.random_k import subset
from tests.oracle.topk import encode_indices
from tests.tables import CODECS


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [  # known-answer tests of the Random123 distribution
        ([0] * 4, (0, 0), "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ([2**32 - 1] * 4, (2**32 - 1,) * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            (0xA4093822, 0x299F31D0),
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_philox(counter, key, words):
    drawn = oracle.philox(np.array(counter, np.uint64)[:, None], key)
    assert " ".join(f"{int(word):08x}" for word in drawn[:, 0]) == words


@pytest.mark.parametrize("length", [0, 1, 3, 4, 7, 8, 9, 31, 64, 1000])
def test_checksum_in_whole_numbers(length):
    data = np.random.default_rng(length).bytes(length)
    padded = data + bytes(-length % 8)
    keyed = [
        int.from_bytes(padded[4 * i : 4 * i + 4], "little") + (i + 1) * 0x9E3779B1 & 0xFFFFFFFF
        for i in range(len(padded) // 4)
    ]
    total = sum(a * b for a, b in zip(keyed[0::2], keyed[1::2], strict=True))
    assert oracle.checksum(data) == oracle.mix(total % 2**64, length)


def nearest(x: Fraction, mantissa: int, least: int, most: float) -> float:
    """x ≥ 0 rounded to `mantissa` bits, ties to even; 2**least is the type's smallest number."""
    if x == 0:
        return 0.0
    exponent = math.floor(math.log2(x)) - mantissa + 1
    unit = Fraction(2) ** max(exponent, least)
    rounded = round(x / unit) * unit  # Python rounds ties to even
    return float(rounded) if rounded <= most else math.inf


@pytest.mark.parametrize(
    ("dtype", "mantissa", "least"), [("float16", 11, -24), ("bfloat16", 8, -133)]
)
def test_halves_against_exact_rounding(dtype, mantissa, least):
    rng = np.random.default_rng(0)
    most = float(oracle.finfo(oracle.dtype(dtype)).max)
    exponents = rng.uniform(least - 2, math.log2(most) + 0.1, 3000)
    values = np.exp2(exponents).astype(np.float32)
    values[::3] = oracle.narrow(values[::3], oracle.dtype(dtype))  # halfway to the next:
    values[::3] *= np.float32(1 + 2.0**-mantissa)
    rounded = oracle.widen(oracle.narrow(values, oracle.dtype(dtype)))
    for value, found in zip(values, rounded, strict=True):
        if not np.isfinite(value):
            continue
        assert found == nearest(Fraction(float(value)), mantissa, least, most)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "float64"])
def test_nan_is_canonical(dtype):
    nan = oracle.bits(oracle.narrow(np.array([-np.nan]), oracle.dtype(dtype)))[0]
    assert nan in (0x7FC00000, 0x7E00, 0x7FC0, 0x7FF8000000000000)


def test_bit_strings():
    assert bitstring.pack(np.array([1, 2, 3]), 2) == bytes([0b111001])
    assert bitstring.pack(np.arange(9) % 2, 1) == bytes([0b10101010, 0])
    assert bitstring.unpack(bytes([0b111001]), 3, 2).tolist() == [1, 2, 3]
    assert bitstring.pack(np.arange(5), 0) == b""


def test_elias_fano_by_hand():
    """k = 3 of 40: l = 3. 2 = 0·8 + 2, 19 = 2·8 + 3, 39 = 4·8 + 7."""
    low = 2 | 3 << 3 | 7 << 6  # 9 bits
    high = 1 << 0 + 0 | 1 << 2 + 1 | 1 << 4 + 2  # 3 + 4 + 1 bits
    indices = np.array([2, 19, 39])
    assert encode_indices(indices, 40) == low.to_bytes(2, "little") + bytes([high])


def test_sign_by_hand():
    x = np.array([1, -2, 3], np.float32)
    payload, residual, nonfinite = oracle.encode(oracle.Sign(32), x)
    assert payload == np.float32(2).tobytes() + bytes([0b010])
    assert residual.tolist() == [-1, 0, 1] and not nonfinite


def test_quantize_3_by_hand():
    """Levels −3 … 3: codes 6, 0, 3, 4; the low two bits of each, then the high one."""
    x = np.array([6, -6, 0, 2.4], np.float32)
    payload, _, _ = oracle.encode(oracle.Quantize(3, 32), x)
    low, high = 0b10 | 0b00 << 2 | 0b11 << 4 | 0b00 << 6, 0b1001
    assert payload == np.float32(6).tobytes() + bytes([low, high])


@pytest.mark.parametrize(("count", "k"), [(1, 1), (10, 3), (10, 10), (1000, 999)])
def test_subset(count, k):
    chosen = subset(1, oracle.Draws(), count, k)
    assert len(set(chosen)) == k and (np.diff(chosen) > 0).all()
    assert chosen[0] >= 0 and chosen[-1] < count


@pytest.mark.parametrize("world_size", range(1, 10))
@pytest.mark.parametrize("count", [0, 1, 31, 32, 33, 1000])
def test_shards_cover_the_array_once(world_size, count):
    borders = shards(count, world_size, 32)
    assert [begin for begin, _ in borders[1:]] == [end for _, end in borders[:-1]]
    assert borders[0][0] == 0 and borders[-1][1] == count
    assert all(begin % 32 == 0 or begin == count for begin, _ in borders)


@pytest.mark.parametrize("text", CODECS)
def test_slices_share_the_budget(text):
    codec, count = oracle.codec(text), 1000
    for world_size in range(1, 10) if codec.sliceable else ():
        borders = shards(count, world_size, codec.block)
        kept = [codec.slice(*border, count).kept(border[1] - border[0]) for border in borders]
        assert sum(kept) == codec.kept(count)
