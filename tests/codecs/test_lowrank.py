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

# Around the spans of sums: 512 rows, 4096 columns, 256 values and 256 spans of them.
LONG_SHAPES = ("511x9", "513x40", "1030x33", "9x4097", "40x8200+3", "66000x5")


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


@parametrize(shapes=LONG_SHAPES, rank=(1, 3), dtype=DTYPES, data=("normal", "wide"), isa=ISAS)
def test_frame_and_values_over_several_spans(shapes, rank, dtype, data, isa):
    test_frame_and_values(shapes, rank, dtype, data, isa)


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


# ---- What it keeps ----


def unit(columns: np.ndarray) -> np.ndarray:
    return np.linalg.qr(columns)[0]


def with_spectrum(rows: int, columns: int, values: np.ndarray, seed: int = 0) -> np.ndarray:
    """A float32 matrix of these singular values."""
    rng = np.random.default_rng(seed)
    left = unit(rng.standard_normal((rows, len(values))))
    right = unit(rng.standard_normal((columns, len(values))))
    return (left * values @ right.T).astype(np.float32)


def relative(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.linalg.norm(a.astype(float)) / np.linalg.norm(b.astype(float)))


@pytest.mark.parametrize("shape", [(60, 40), (40, 60), (700, 11)])
@pytest.mark.parametrize("rank", [1, 3, 8])
def test_matrices_of_its_rank_are_kept(shape, rank):
    """Up to the rounding of P, times how much of it the random start has left to tell apart."""
    x = with_spectrum(*shape, np.linspace(1, 2, rank))
    assert relative(skimp.decode(skimp.LowRank(rank).encode(x), like=x) - x, x) < 2e-5


@parametrize(
    shape=((60, 40), (40, 600), (513, 33)),
    rank=(1, 4, 8),
    data=("normal", "heavy_tailed", "mostly_zero", "ties", "all_equal", "tiny", "wide"),
    dtype=DTYPES,
)
def test_the_rest_is_never_larger_than_the_input(shape, rank, data, dtype):
    """It is what a projection leaves: no error in P or Q can make it grow."""
    x = array(data, shape[0] * shape[1], dtype).reshape(shape)
    residual = skimp.Residual(x.size, dtype)
    for _ in range(3):
        before = oracle.widen(x).reshape(-1).astype(float) + residual.values
        skimp.LowRank(rank).encode(x, residual)
        scale = np.abs(before).max() or 1.0
        rest = np.linalg.norm(residual.values.astype(float) / scale)
        assert rest <= np.linalg.norm(before / scale) * (1 + 1e-6)


@pytest.mark.parametrize("rank", [1, 2, 5])
def test_warm_start_converges_to_the_best_approximation(rank):
    """Power iteration on a matrix that stays; a cold start stays where its random numbers are."""
    x = with_spectrum(90, 70, 0.6 ** np.arange(40))
    best = np.sqrt(np.sum(np.linalg.svd(x, compute_uv=False)[rank:].astype(float) ** 2))

    def distance(warm: bool) -> float:
        residual = skimp.Residual(x.size)
        codec = skimp.LowRank(rank, warm_start=warm)
        for step in range(25):
            payload = codec.encode(x, residual)
            residual.load(np.zeros(x.size, np.float32), step + 1, residual.memory)
        return float(np.linalg.norm(skimp.decode(payload, like=x).astype(float) - x))

    assert distance(warm=True) == pytest.approx(best, rel=1e-4)
    assert distance(warm=False) > 1.05 * best


def test_columns_that_vanished_are_found_again():
    """A matrix of rank 1 leaves nothing for the second column, which must not stay nothing."""
    codec, residual = skimp.LowRank(2), skimp.Residual(60 * 40)
    x = np.outer(np.exp2(np.arange(60) % 5), array("normal", 40, "float64")).astype(np.float32)
    codec.encode(x, residual)
    assert not residual.memory.reshape(2, 40)[1].any()
    residual.load(np.zeros(60 * 40, np.float32), 1, residual.memory)
    x = with_spectrum(60, 40, np.ones(2), seed=1)
    assert relative(skimp.decode(codec.encode(x, residual), like=x) - x, x) < 1e-5


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("apart", [1.0, 1e-2, 1e-4, 1e-6, 1e-9, 0.0])
def test_columns_that_almost_depend_become_orthonormal_or_zero(apart, dtype):
    """P of a matrix whose columns differ by `apart`."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((200, 1)) + apart * rng.standard_normal((200, 40))
    x = x.astype(dtype)
    payload = skimp.LowRank(4).encode(x)
    p = np.frombuffer(payload[oracle.HEADER_BYTES + 24 :], dtype)[: 4 * 200].reshape(4, 200)
    kept = p[p.any(axis=1)].astype(float)
    assert len(kept) == 4 if apart > 1e-4 else 1 <= len(kept) <= 4
    allowed = 2 * np.finfo(dtype).eps + (200 / 16 + 16) * 2.0**-53
    assert np.abs(kept @ kept.T - np.eye(len(kept))).max() <= allowed


@pytest.mark.parametrize(("dtype", "u"), [("float32", 2.0**-24), ("float64", 2.0**-53)])
@pytest.mark.parametrize("shapes", ["60x41", "7x9000", "1900x7"])
def test_products_are_within_the_written_tolerance(shapes, dtype, u):
    """docs/wire_format.md: against the same products of the same factors in wider arithmetic."""
    codec = oracle.LowRank(rank=3, shapes=shapes)
    (piece,) = codec.pieces()
    wide = np.longdouble
    m = piece.matrix(array("normal", piece.end, dtype))
    payload = skimp.codec(f"lowrank(rank=3,shapes={shapes})").encode(m.reshape(-1))
    values = np.frombuffer(payload[oracle.HEADER_BYTES + 24 :], dtype)
    p, q = np.split(values, [3 * piece.rows])
    p, q = p.reshape(3, -1).astype(wide), q.reshape(3, -1).astype(wide)
    error = np.abs(p @ m.astype(wide) - q)
    terms = min(piece.rows, 512) + -(-piece.rows // 512)
    assert (error <= terms * u * (np.abs(p) @ np.abs(m))).all()
    decoded = skimp.decode(payload, like=m)
    assert (np.abs(p.T @ q - decoded) <= 4 * u * (np.abs(p.T) @ np.abs(q))).all()
    start = model.random_values(oracle.Draws(), 0, q.size, m.dtype).reshape(3, -1)
    sketch = codec.sketch(m.reshape(-1), oracle.Draws(), None).p[0]
    error = np.abs(start.astype(wide) @ m.T.astype(wide) - sketch)
    terms = -(-min(piece.columns, 4096) // 32) + 5 + -(-piece.columns // 4096)
    assert (error <= terms * u * (np.abs(start) @ np.abs(m.T))).all()


# ---- Arguments, shapes, hostile bytes ----


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lowrank(rank=0)", "rank = 0 must lie in 1 to 32"),
        ("lowrank(rank=33)", "rank = 33"),
        ("lowrank(warm_start=maybe)", "maybe is not one of yes, no"),
        ("lowrank(shapes=)", "'' is neither ROWSxCOLUMNS nor a number"),
        ("lowrank(shapes=3x)", "'3x'"),
        ("lowrank(shapes=3+)", "''"),
        ("lowrank(shapes=3x4x5)", "'3x4x5'"),
        ("lowrank(shapes=-3)", "'-3'"),
        ("lowrank(shapes=4294967296x4294967296)", "more than"),
        ("lowrank(shapes=1152921504606846976+1)", "more than"),
    ],
)
def test_bad_arguments(text, words):
    with pytest.raises(skimp.InvalidArgument, match=words.replace("+", r"\+")):
        skimp.codec(text)


def test_text():
    assert skimp.LowRank().text == "lowrank(rank=4,warm_start=yes)"
    assert skimp.LowRank(2, warm_start=False).text == "lowrank(rank=2,warm_start=no)"
    assert skimp.codec("lowrank(shapes=3x1+0x7+5)").text.endswith("shapes=3+0x7+5)")
    assert type(skimp.codec("lowrank(rank=2)")) is skimp.LowRank


def test_shapes_must_be_those_of_the_array():
    with pytest.raises(skimp.InvalidArgument, match="12 elements, the array has count = 13"):
        skimp.codec("lowrank(shapes=3x4)").encode(np.ones(13, np.float32))


def test_a_memory_that_is_of_no_use_is_drawn_anew():
    """Whatever was loaded: nothing but finite columns that are not zero are begun with."""
    codec, x = skimp.LowRank(2), array("normal", 1200, "float32").reshape(40, 30)
    expected = codec.encode(x, fresh := skimp.Residual(1200))
    for useless in (0.0, np.nan, np.inf):
        residual = skimp.Residual(1200)
        residual.load(residual.values.copy(), 0, np.full(60, useless, np.float32))
        assert codec.encode(x, residual) == expected
        assert same_bits(residual.memory, fresh.memory)
    with pytest.raises(skimp.UnsupportedType):
        fresh.load(fresh.values.copy(), 1, np.zeros(60))


@parametrize(shapes=("6x5+3", "5", "20x9+0"), rank=(1, 2), dtype=("float32", "float64"))
def test_damaged_payloads_are_refused_or_read_as_written(shapes, rank, dtype):
    text = f"lowrank(rank={rank},shapes={shapes})"
    codec, x = oracle.codec(text), array("normal", count_of(shapes), dtype)
    header, payload = oracle.open_frame(oracle.encode_frame(codec, x)[0])
    rng = np.random.default_rng(0)
    for _ in range(200):
        damaged = bytearray(payload)
        damaged[rng.integers(min(len(payload), 80))] ^= 1 << rng.integers(8)
        frame = oracle.seal(header, bytes(damaged))
        try:
            expected = oracle.decode_frame(codec, frame)
        except oracle.Corrupt:
            with pytest.raises(skimp.CorruptPayload):
                skimp.decode(frame, like=x)
            continue
        assert same_bits(skimp.decode(frame, like=x), expected)
