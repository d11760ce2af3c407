"""threshold: what reaches it is kept, what does not is left out, however many these are."""

import numpy as np
import pytest
import skimp
from skimp.bench import data

from tests import oracle
from tests.codecs import test_bytes
from tests.comparing import same_bits, square
from tests.pairwise import parametrize
from tests.tables import DATA, DTYPES, array

TINY = 1e-46  # rounds to zero in float32


def decoded(x: np.ndarray, **arguments) -> np.ndarray:
    return skimp.decode(skimp.Threshold(**arguments).encode(x), like=x)


def sample(kind: str, count: int) -> np.ndarray:
    if kind == "gradients":
        return data.make("gradients", count, "float32")
    return array(kind, count, "float32")


LIMITS = ("magnitude=0.7", "magnitude=3", "magnitude=1e-46", "magnitude=1e-320", "magnitude=1e39")
LIMITS += ("fraction=1", "fraction=0.5", "fraction=0.0001", "fraction=1e-46")


@parametrize(
    limit=LIMITS,
    values=("float32", "float16", "bfloat16"),
    data=tuple(DATA),
    dtype=DTYPES,
    count=(1, 95, 5003, 20_000, 40_000),
)
def test_the_oracles_bytes(limit, values, data, dtype, count):
    """Few and many elements: what is kept fits the list of candidates or not."""
    codec = f"threshold({limit},values={values})"
    test_bytes.test_frame_and_values(codec, count, data, dtype)
    test_bytes.test_residual(codec, data, "heavy_tailed", dtype, count)


def test_the_threshold_itself_is_reached():
    x = np.array([0.1, -0.1, np.nextafter(np.float32(0.1), np.float32(0)), 0], np.float32)
    assert np.flatnonzero(decoded(x, magnitude=0.1)).tolist() == [0, 1]
    wide = np.array([0.1, 0.3, 0.7], np.float64)
    for magnitude, expected in ((0.1, 3), (0.3, 2), (0.7, 1)):
        assert np.count_nonzero(decoded(wide, magnitude=magnitude)) == expected


def test_zeros_are_never_kept():
    zeros = np.array([0.0, -0.0] * 50, np.float32)
    for arguments in ({"magnitude": TINY}, {"fraction": 0.5}):
        payload = skimp.Threshold(**arguments).encode(zeros)
        assert payload.nbytes == oracle.HEADER_BYTES + 8
        assert same_bits(skimp.decode(payload, like=zeros), np.zeros(100, np.float32))
    sparse = zeros + np.float32([1e-45] + 99 * [0])
    assert decoded(sparse, magnitude=TINY)[0] == np.float32(1e-45)


def test_a_fraction_is_of_the_largest_finite_magnitude():
    x = np.array([4, np.inf, -2, 1.9, np.nan, -np.inf, 0], np.float32)
    expected = np.array([4, np.inf, -2, 0, np.nan, -np.inf, 0], np.float32)
    assert same_bits(decoded(x, fraction=0.5), expected)
    residual = skimp.Residual(7)
    payload = skimp.Threshold(fraction=0.5).encode(x, residual=residual)
    assert payload.nonfinite
    assert same_bits(residual.values, np.float32([0, 0, 0, 1.9, 0, 0, 0]))


@pytest.mark.parametrize("kind", ["heavy_tailed", "mostly_zero", "gradients"])
@pytest.mark.parametrize("values", ["float32", "float16"])
def test_what_is_left_out_is_below_the_magnitude(kind, values):
    """So are residuals of any number of steps: what piles up is sent."""
    x = sample(kind, 20_000)
    magnitude = float(np.abs(x).max()) / 20
    codec, residual = skimp.Threshold(magnitude, values=values), skimp.Residual(x.size)
    kept = 0
    for _ in range(30):
        payload = codec.encode(x, residual=residual)
        kept += np.count_nonzero(skimp.decode(payload, like=x))
        assert np.abs(residual.values).max() < magnitude
    assert kept > x.size / 100


def test_small_values_are_left_out_altogether():
    x = np.full(100, 0.5, np.float32)
    assert not decoded(x, magnitude=1).any()


@pytest.mark.parametrize("kind", ["heavy_tailed", "mostly_zero", "gradients"])
@pytest.mark.parametrize("fraction", [0.01, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("count", [1, 10, 5003, 20_000])
def test_a_fraction_is_a_contraction(kind, fraction, count):
    x = sample(kind, count)
    left = square(x - decoded(x, fraction=fraction))
    assert left <= (1 - 1 / (1 + (count - 1) * fraction**2)) * square(x)


def test_the_bound_of_the_contraction_is_nearly_reached():
    """All but the largest are just below the threshold."""
    x = np.full(1000, 0.0999, np.float32)
    x[7] = 1
    left = square(x - decoded(x, fraction=0.1)) / square(x)
    assert 0.99 * (1 - 1 / (1 + 999 * 0.01)) < left < 1 - 1 / (1 + 999 * 0.01)


@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 31, 100, 1000])
@pytest.mark.parametrize("dtype", DTYPES)
def test_no_payload_exceeds_the_bound(count, dtype):
    """Whatever number of elements is kept."""
    x = np.zeros(count, oracle.dtype(dtype))
    codec = oracle.Threshold(magnitude=1)
    most = codec.payload_bytes(count, x.dtype)
    for kept in range(count + 1):
        x[:kept] = 1
        size = skimp.Threshold(1).encode(x).nbytes - oracle.HEADER_BYTES
        assert size <= most
    assert size == most


def test_a_frame_tells_its_codec_without_the_threshold():
    payload = skimp.Threshold(0.5, values="float16").encode(np.ones(3, np.float32))
    assert payload.codec == "threshold(values=float16)"


def worker_of(**options):
    return lambda comm: comm.allreduce(array("normal", 64, "float32", seed=comm.rank), **options)


def test_what_needs_a_fixed_number_or_all_values_is_refused():
    codec = skimp.Threshold(0.5)
    with pytest.raises(skimp.InvalidArgument, match=r"threshold\(magnitude=0.5.* does not fix"):
        skimp.run_threads(3, worker_of(codec=codec, algorithm="sparse_balanced"))
    with pytest.raises(skimp.InvalidArgument, match="leaves values out"):
        skimp.run_threads(3, worker_of(codec=codec, op="median"))
    gossip = skimp.Gossip(codec, graph="ring")
    with pytest.raises(skimp.InvalidArgument, match="needs a contraction"):
        skimp.run_threads(3, lambda comm: comm.mix(np.ones(5, np.float32), gossip))


@pytest.mark.parametrize("algorithm", ["two_phase", "gather", "sparse_doubling"])
def test_little_to_say_sends_little(algorithm):
    """Of arrays alike but for their scale, and of one without any element to send."""

    def worker(comm):
        sent = []
        for scale in (1.0, 0.3, 0.01):
            x = array("normal", 10_000, "float32", seed=comm.rank) * np.float32(scale)
            comm.allreduce(x, codec=skimp.Threshold(1), algorithm=algorithm)
            sent.append(comm.report.bytes_sent)
            assert comm.report.bytes_sent < comm.report.predicted_bytes
        return sent

    for sent in skimp.run_threads(4, worker):
        assert sent[0] > 10 * sent[1] > 10 * sent[2]
        assert sent[2] < 6 * (oracle.HEADER_BYTES + 8) + 1
