"""Every instruction set writes, leaves and reads the same bits, and they are the oracle's."""

import os
import subprocess
import sys

import numpy as np
import pytest
import skimp
from skimp import _calls, _objects, dtypes

from tests import oracle
from tests.collectives import test_allreduce, test_sisters
from tests.collectives.methods import METHODS
from tests.comparing import same_bits
from tests.oracle import bitstring
from tests.pairwise import parametrize
from tests.tables import CODECS, DATA, DTYPES, SOME_DATA, array, exceeds

ISAS = tuple(_objects.isa_names().split(", "))

# Around vectors, blocks, tiles, and where top-k begins to guess.
COUNTS = (0, 1, 7, 8, 31, 32, 33, 63, 64, 65, 255, 256, 257)
COUNTS += (2047, 2048, 2049, 16_383, 16_384, 20_000, 40_001)

KINDS = {
    **{
        kind: DATA[kind]
        for kind in ("normal", "denormal", "tiny", "with_nonfinite", "ties", "wide")
    },
    **{kind: DATA[kind] for kind in ("all_zero", "all_equal", "huge", "mostly_zero")},
    "rarely_nonfinite": lambda rng, n, dtype: np.where(
        np.arange(n) % 9999 == 9998, np.nan, rng.standard_normal(n)
    ),
    "uneven": lambda rng, n, dtype: (
        rng.standard_normal(n) * 2.0 ** np.repeat(rng.integers(-80, 80, n // 300 + 1), 300)[:n]
    ),
    # Blocks that an encoder's fast path takes, amid others that it does not.
    "patchwork": lambda rng, n, dtype: (
        rng.standard_normal(n)
        * np.repeat(rng.choice([1, 0, np.nan, 1e-30, 1e30], n // 64 + 1), 64)[:n]
    ),
    "minus_zero": lambda rng, n, dtype: -np.zeros(n),
    "loss_scaled": lambda rng, n, dtype: rng.standard_normal(n) * 2.0**14,  # some float16 overflow
}
OPS = ("mean", "sum")
FEEDBACK = ("none", "apart", "in place")


@pytest.fixture(autouse=True)
def isa_as_before():
    before = _objects.isa()
    yield
    _objects.use_isa(before)


def values(kind: str, count: int, dtype: str) -> np.ndarray:
    rng = np.random.default_rng([count, *kind.encode()])
    dtype = oracle.dtype(dtype)
    return oracle.narrow(KINDS[kind](rng, count, dtype), dtype)


def shifted(x: np.ndarray, offset: int) -> np.ndarray:
    """The same values, `offset` elements into an allocation."""
    moved = np.empty(x.size + offset, x.dtype)[offset:]
    moved[:] = x
    return moved


@parametrize(
    codec=CODECS,
    count=COUNTS,
    data=tuple(KINDS),
    dtype=DTYPES,
    feedback=FEEDBACK,
    left=("heavy_tailed", "denormal", "huge"),
    offset=(0, 1, 3, 7),
)
def test_the_oracles_bits(codec, count, data, dtype, feedback, left, offset):
    if exceeds(codec, count):
        return
    x, model = shifted(values(data, count, dtype), offset), oracle.codec(codec)
    start = array(left, count, oracle.accumulator(x.dtype).name, seed=1)
    for isa in ISAS:
        _objects.use_isa(isa)
        residual, rest, step = None, None, 0
        if feedback != "none":
            residual = skimp.Residual(count, dtype, in_place=feedback == "in place")
            residual.load(start, step=3)
            rest, step = start, 3
        for _ in range(2):
            frame, rest_after = oracle.encode_frame(model, x, rest, step)
            assert bytes(skimp.codec(codec).encode(x, residual=residual)) == frame, isa
            if residual is not None:
                rest, step = rest_after, step + 1
                assert same_bits(residual.values, rest), isa
            moved = memoryview(bytes(offset) + frame)[offset:]
            assert same_bits(skimp.decode(moved, like=x), oracle.decode_frame(model, frame)), isa


STREAMED = ("identity", "sign", *(f"quantize(bits={bits})" for bits in (8, 4, 3, 2)))
STREAMED += ("topk(density=0.01)",)


@pytest.mark.parametrize("data", ["rarely_nonfinite", "uneven", "patchwork"])
@pytest.mark.parametrize("codec", STREAMED)
def test_the_oracles_bits_past_the_cache(codec, data):
    """Arrays of 8 MiB and more are written with other instructions."""
    test_the_oracles_bits(codec, 2**21 + 33, data, "float32", "apart", "heavy_tailed", 3)


FEW = ("topk(density=0.3)", "block_topk(density=0.01)", "threshold(magnitude=2.5)")
FEW += ("threshold(magnitude=9)", "random_k(density=0.001)")  # of 9, there is none


@pytest.mark.parametrize("like", ["float32", "float16"])
@pytest.mark.parametrize("codec", STREAMED + FEW)
def test_decoding_past_the_cache_to_any_address(codec, like):
    """Outputs that begin amid a line of the cache, and what lies around them."""
    like = np.dtype(like)
    x = values("normal", (8 << 20) // like.itemsize + 77, "float32")
    payload = skimp.codec(codec).encode(x)
    expected = oracle.narrow(skimp.decode(payload, like=x), like)
    for offset in (0, like.itemsize, 16, 60):
        room = np.full(expected.nbytes + 256, 0xA5, np.uint8)
        begin = -room.ctypes.data % 64 + 64 + offset
        out = room[begin : begin + expected.nbytes].view(like)
        for isa in ISAS:
            _objects.use_isa(isa)
            out.view(np.uint8).fill(0xA5)
            _calls.decode(payload, out, dtypes.of_numpy(like).code)
            assert same_bits(out, expected), isa
        assert np.all(room[:begin] == 0xA5)
        assert np.all(room[begin + expected.nbytes :] == 0xA5)


@parametrize(codec=CODECS, dtype=DTYPES[:3], like=DTYPES[:3], count=(65, 2049, 20_000))
def test_decoding_to_another_type(codec, dtype, like, count):
    frame, _ = oracle.encode_frame(oracle.codec(codec), values("wide", count, dtype))
    results = []
    for isa in ISAS:
        _objects.use_isa(isa)
        results.append(skimp.decode(frame, like=values("all_zero", count, like)))
    model = oracle.codec(codec)
    wide = model.decode(oracle.open_frame(frame)[1], count, oracle.dtype(dtype))
    expected = oracle.narrow(wide, oracle.dtype(like))
    assert all(same_bits(result, expected) for result in results)


@parametrize(isa=ISAS, method=METHODS, count=(33, 2049), dtype=DTYPES, data=SOME_DATA, op=OPS)
def test_the_oracles_allreduce(isa, method, count, dtype, data, op):
    """Sums and means are vector code too."""
    _objects.use_isa(isa)
    test_allreduce.compare(method, data, count, 3, dtype, op, feedback=True)


@parametrize(
    isa=ISAS, codec=test_sisters.SLICEABLE, share=(3, 700), dtype=DTYPES, data=SOME_DATA, op=OPS
)
def test_the_oracles_reduce_scatter(isa, codec, share, dtype, data, op):
    _objects.use_isa(isa)
    test_sisters.test_reduce_scatter(codec, data, share, 3, dtype, op, feedback=True)


SCALES = (0.0, 1.0, 1 / 3, 0.7, 2.0**-126, 3e-39, 1e-45, 5e-324, 6.5e4, 3.3e38, 1.7e308)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("bits", [8, 4, 3, 2])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_level_is_divided_exactly(bits, dtype, isa):
    """However level / L is found; scale 1 shows the quotient."""
    model, dtype = oracle.Quantize(bits=bits), np.dtype(dtype)
    largest = float(np.finfo(dtype).max)
    scales = np.array([scale for scale in SCALES if scale <= largest], dtype)
    codes = np.arange(model.block) % (2 * model.levels + 1)
    payload = scales.tobytes()
    for shift, width in model.shifted_planes():
        plane = np.tile(codes >> shift & (1 << width) - 1, scales.size)
        payload += bitstring.pack(plane, width)
    header = oracle.Header(
        codec=model.id,
        dtype_code=oracle.DTYPES.index(dtype) + 1,
        count=codes.size * scales.size,
        payload_bytes=len(payload),
        parameter=model.parameter(0),
    )
    _objects.use_isa(isa)
    decoded = skimp.decode(oracle.seal(header, payload)).reshape(scales.size, -1)
    quotients = (codes - model.levels).astype(dtype) / dtype.type(model.levels)
    assert same_bits(decoded, quotients * scales[:, None])


# ---- SKIMP_FORCE_ISA ----

ENCODE = """
import numpy, skimp
from skimp import _calls, _objects, dtypes
try:
    skimp.Sign().encode(numpy.ones(100, numpy.float32))
    print(_objects.isa())
except skimp.InvalidArgument as error:
    print("refused:", error)
"""
REDUCE = """
import numpy, skimp
from skimp import _calls, _objects, dtypes
def worker(comm):
    try:
        comm.allreduce(numpy.ones(100, numpy.float32))
    except skimp.Error as error:
        return f"refused: {error}"
    return _objects.isa()
print("; ".join(skimp.run_threads(3, worker, timeout=20)))
"""


def forced(isa: str, *arguments: str) -> str:
    command = [sys.executable, *arguments]
    environment = {**os.environ, "SKIMP_FORCE_ISA": isa}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def info(isa: str) -> str:
    lines = forced(isa, "-m", "skimp", "info").splitlines()
    return next(line for line in lines if line.startswith("processor"))


@pytest.mark.parametrize("isa", ISAS)
def test_a_forced_set_is_used(isa):
    assert forced(isa, "-c", ENCODE) == isa
    assert info(isa).endswith(f", {isa} of {', '.join(ISAS)}")


def test_no_name_forces_nothing():
    assert forced("", "-c", ENCODE) == ISAS[-1]


@pytest.mark.parametrize("isa", ["mmx", "SCALAR", "avx", "scalar, avx2"])
def test_an_unknown_set_is_refused_with_those_that_there_are(isa):
    told = f"SKIMP_FORCE_ISA: instruction set '{isa}' is none of {', '.join(ISAS)}"
    assert forced(isa, "-c", ENCODE).startswith(f"refused: {told}")
    assert told in info(isa)


def test_an_unknown_set_ends_every_rank_of_a_collective():
    ranks = forced("mmx", "-c", REDUCE).split("; ")
    assert len(ranks) == 3
    for rank in ranks:
        assert rank.startswith("refused:") and f"is none of {', '.join(ISAS)}" in rank


def test_use_isa_refuses_what_is_unknown_and_keeps_what_was():
    before = _objects.isa()
    with pytest.raises(skimp.InvalidArgument, match=f"'mmx' is none of {', '.join(ISAS)}"):
        _objects.use_isa("mmx")
    assert _objects.isa() == before
