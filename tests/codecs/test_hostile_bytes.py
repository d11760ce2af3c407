"""Received bytes are hostile: a decoder raises CorruptPayload or reads what the format says."""

import numpy as np
import pytest
import skimp

from tests import oracle
from tests.comparing import same_bits
from tests.pairwise import parametrize
from tests.tables import CODECS, DTYPES, array


def frame_of(codec: str, dtype: str, count: int) -> tuple[np.ndarray, bytes]:
    x = array("normal", count, dtype)
    return x, oracle.encode_frame(oracle.codec(codec), x)[0]


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@parametrize(codec=CODECS, dtype=DTYPES)
def test_truncated(codec, dtype):
    x, frame = frame_of(codec, dtype, 13)
    for length in range(len(frame)):
        with pytest.raises(skimp.CorruptPayload):
            skimp.decode(frame[:length], like=x)
    with pytest.raises(skimp.CorruptPayload):
        skimp.decode(frame + b"\0", like=x)


@parametrize(codec=CODECS, dtype=DTYPES)
def test_one_flipped_bit(codec, dtype):
    x, frame = frame_of(codec, dtype, 13)
    for bit in range(8 * len(frame)):
        with pytest.raises(skimp.CorruptPayload):
            skimp.decode(flipped(frame, bit), like=x)


@parametrize(codec=CODECS, dtype=("float32", "float64"))
def test_one_flipped_bit_of_the_payload_and_sums_that_hide_it(codec, dtype):
    """Refused where the format says so; otherwise read as the format says."""
    x, frame = frame_of(codec, dtype, 13)
    header, payload = oracle.open_frame(frame)
    for bit in range(8 * len(payload)):
        check_forged(codec, x, oracle.seal(header, flipped(payload, bit)))


@parametrize(codec=CODECS, dtype=DTYPES, count=(45, 3, 100))
def test_random_payload_and_sums_that_hide_it(codec, dtype, count):
    x, frame = frame_of(codec, dtype, count)
    header, payload = oracle.open_frame(frame)
    rng = np.random.default_rng(0)
    for _ in range(15):
        check_forged(codec, x, oracle.seal(header, rng.bytes(len(payload))))


def check_forged(codec: str, x: np.ndarray, frame: bytes) -> None:
    try:
        expected = oracle.decode_frame(oracle.codec(codec), frame)
    except oracle.Corrupt:
        with pytest.raises(skimp.CorruptPayload):
            skimp.decode(frame, like=x)
        return
    try:
        decoded = skimp.decode(frame, like=x)
    except skimp.CorruptPayload:
        return  # a decoder may refuse more than it has to
    assert same_bits(decoded, expected)


@pytest.mark.parametrize("codec", CODECS)
def test_one_flipped_bit_of_the_header_and_sums_that_hide_it(codec):
    """Another type or parameter may make sense by chance; nothing is read outside the frame."""
    x, frame = frame_of(codec, "float32", 13)
    header, payload = frame[: oracle.HEADER_BYTES], frame[oracle.HEADER_BYTES :]
    for bit in range(8 * 56):
        changed, _ = oracle.open_frame(flipped(header, bit))
        try:
            decoded = skimp.decode(oracle.seal(changed, payload), like=x)
        except (skimp.CorruptPayload, skimp.InvalidArgument, skimp.UnsupportedType):
            continue
        assert decoded.shape == x.shape


@pytest.mark.parametrize("seed", range(20))
def test_noise(seed):
    rng = np.random.default_rng(seed)
    for length in range(0, 200, 7):
        with pytest.raises(skimp.CorruptPayload):
            skimp.decode(rng.bytes(length), like=np.empty(10, np.float32))
