"""EF21 and momentum correction: the oracle's bits, what they promise, and their state."""

import io
import pickle

import numpy as np
import pytest
import skimp

from tests import oracle
from tests.collectives.methods import METHODS
from tests.comparing import same_bits
from tests.oracle import feedback as model
from tests.pairwise import parametrize
from tests.tables import DTYPES, array

STEPS = 4
VARIANTS = {
    "ef21": skimp.EF21,
    "momentum": skimp.MomentumCorrection,
    "clipped": lambda codec: skimp.MomentumCorrection(codec, 0.5, clip=3.0),
    "unmasked": lambda codec: skimp.MomentumCorrection(codec, 0.9, masking=False),
}
MODELS = {
    "ef21": model.EF21,
    "momentum": lambda *args: model.MomentumCorrection(*args, 0.9, None, True),
    "clipped": lambda *args: model.MomentumCorrection(*args, 0.5, 3.0, True),
    "unmasked": lambda *args: model.MomentumCorrection(*args, 0.9, None, False),
}


def inputs_of(world_size, count, dtype, data="normal"):
    """By step, then by rank."""
    return [
        [array(data, count, dtype, seed=[step, rank]) for rank in range(world_size)]
        for step in range(STEPS)
    ]


def run(make, world_size, inputs, **options):
    """By rank: its results, and its feedback."""

    def worker(comm):
        feedback = make()
        return [comm.allreduce(x[comm.rank], codec=feedback, **options) for x in inputs], feedback

    return skimp.run_threads(world_size, worker, timeout=60)


@parametrize(
    variant=tuple(VARIANTS),
    method=[method for method in METHODS if method.codec != "identity"],
    count=(0, 1, 33, 5003),
    world_size=(1, 2, 3, 5),
    dtype=DTYPES,
    op=("mean", "sum"),
    data=("normal", "ties", "heavy_tailed"),
)
def test_same_bits_as_the_oracle(variant, method, count, world_size, dtype, op, data):
    if method.refuses(count, world_size):
        return
    inputs = inputs_of(world_size, count, dtype, data)
    ranks = run(
        lambda: VARIANTS[variant](skimp.codec(method.codec)),
        world_size,
        inputs,
        op=op,
        **method.options(),
    )
    kind = oracle.dtype(dtype)
    expected = MODELS[variant](world_size, np.zeros(count, oracle.accumulator(kind)))
    for step in range(STEPS):
        mean = expected.step(
            [oracle.widen(x) for x in inputs[step]],
            lambda x, residuals, step=step: method.expected(x, residuals=residuals, call=step),
        )
        result = oracle.narrow(mean * mean.dtype.type(world_size if op == "sum" else 1), kind)
        for results, _ in ranks:
            assert same_bits(results[step], result)


@pytest.mark.parametrize("variant", VARIANTS)
def test_any_array_and_buckets(variant):
    """A bucket is reduced as one array: the same values as that array's."""

    def worker(comm):
        whole, parts = (VARIANTS[variant](skimp.Sign(32)) for _ in range(2))
        for step in range(STEPS):
            x = array("normal", 96, "float32", seed=[step, comm.rank])
            expected = comm.allreduce(x, codec=whole)
            bucket = [x[:90].reshape(9, 10), {"bias": x[90:]}]
            out = [np.empty((9, 10), np.float32), {"bias": np.empty(6, np.float32)}]
            assert comm.allreduce(bucket, codec=parts, out=out) is out
            assert same_bits(out[0].ravel(), expected[:90])
            assert same_bits(out[1]["bias"], expected[90:])

    skimp.run_threads(3, worker, timeout=60)


@pytest.mark.parametrize("codec", ["sign", "topk(k=8)", "quantize(bits=4)"])
def test_ef21_converges_where_gradients_do_not_vanish(codec):
    """Each rank's gradient at the optimum is far from zero: the error vanishes nevertheless."""

    def worker(comm):
        target = array("normal", 64, "float64", seed=comm.rank)
        x, feedback = np.zeros(64), skimp.EF21(skimp.codec(codec))
        for _ in range(1500):
            x -= 0.02 * comm.allreduce(x - target, codec=feedback)
        return np.abs(x - comm.allreduce(target)).max()

    assert skimp.run_threads(3, worker, timeout=60)[0] < 1e-6


def test_ef21_estimates_add_up():
    ranks = run(lambda: skimp.EF21(skimp.Sign()), 3, inputs_of(3, 99, "float64"))
    for results, _ in ranks:
        estimates = sum(feedback.estimate() for _, feedback in ranks)
        assert np.allclose(estimates / 3, results[-1], atol=1e-12)


def test_momentum_correction_conserves():
    """Velocities = world_size · results + residuals; without masks they are known."""
    inputs = inputs_of(3, 50, "float64")
    ranks = run(lambda: VARIANTS["unmasked"](skimp.TopK(k=5)), 3, inputs)
    velocity, total = 0.0, 0.0
    for x in inputs:
        velocity = 0.9 * velocity + sum(x)
        total = total + velocity
    residuals = sum(feedback.residual() for _, feedback in ranks)
    assert np.allclose(total, 3 * sum(ranks[0][0]) + residuals, atol=1e-12)


def test_masking_stops_what_was_sent():
    ranks = run(
        lambda: skimp.MomentumCorrection(skimp.TopK(k=5)),
        2,
        inputs_of(2, 50, "float32"),
        algorithm="gather",
    )
    for _, feedback in ranks:
        momentum = feedback.state_dict()["momentum"]
        assert (momentum == 0).sum() == 5
        assert ((momentum == 0) == (feedback.residual() == 0)).all()


def test_clipping_bounds_what_ranks_add():
    x = np.full(16, 100, np.float32)  # norm 400

    def worker(comm):
        return comm.allreduce(x, codec=skimp.MomentumCorrection(skimp.TopK(1.0), clip=2.0))

    result = skimp.run_threads(4, worker)[0]
    assert np.linalg.norm(result) == pytest.approx(1.0, rel=1e-6)  # 2 / √4


@pytest.mark.parametrize("variant", VARIANTS)
def test_nonfinite_values_pass_and_are_forgotten(variant):
    def worker(comm):
        feedback = VARIANTS[variant](skimp.TopK(0.2))
        x = array("normal", 100, "float32", seed=comm.rank)
        comm.allreduce(x, codec=feedback)
        bad = x.copy()
        if comm.rank == 1:
            bad[7] = np.inf
        assert comm.allreduce(bad, codec=feedback, nonfinite="skip") is None
        with pytest.raises(skimp.NonFiniteError):
            comm.allreduce(bad, codec=feedback, nonfinite="raise")
        assert feedback.step == 1
        if variant != "clipped":
            assert not np.isfinite(comm.allreduce(bad, codec=feedback)[7])
        assert all(np.isfinite(values).all() for values in feedback.state_dict().values())
        assert np.isfinite(comm.allreduce(x, codec=feedback)).all()

    skimp.run_threads(3, worker, timeout=60)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_call_that_raises_changes_nothing(variant):
    """One rank's out is refused; the others learn of it, and nobody's state has changed."""
    feedbacks = [VARIANTS[variant](skimp.Sign()) for _ in range(2)]
    x = np.linspace(-1, 2, 50, dtype=np.float32)
    skimp.run_threads(2, lambda comm: comm.allreduce(x, codec=feedbacks[comm.rank]))
    before = [feedback.state_dict() for feedback in feedbacks]

    def worker(comm):
        comm.allreduce(x, codec=feedbacks[comm.rank], out=x[: 50 - comm.rank])

    with pytest.raises(skimp.InvalidArgument, match=r"out is float32\(49,\)"):
        skimp.run_threads(2, worker, timeout=60)
    for feedback, state in zip(feedbacks, before, strict=True):
        after = feedback.state_dict()
        assert after.keys() == state.keys()
        assert all(same_bits(after[name], state[name]) for name in state)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_resumed_it_gives_the_same_bits(variant, dtype):
    inputs = inputs_of(2, 40, dtype)

    def worker(comm):
        *first, last = (x[comm.rank] for x in inputs)
        one, two = (VARIANTS[variant](skimp.Quantize(2)) for _ in range(2))
        for x in first:
            for key in (None, "head"):
                comm.allreduce(x, codec=one, key=key)
        file = io.BytesIO()
        np.savez(file, **one.state_dict())
        file.seek(0)
        two.load_state_dict(np.load(file))
        three = pickle.loads(pickle.dumps(one))
        assert one.step == two.step == three.step == len(first)
        for key in (None, "head"):
            expected = comm.allreduce(last, codec=one, key=key)
            assert same_bits(comm.allreduce(last, codec=two, key=key), expected)
            assert same_bits(comm.allreduce(last, codec=three, key=key), expected)

    skimp.run_threads(2, worker, timeout=60)


@pytest.mark.parametrize("variant", VARIANTS)
def test_refused_states_change_nothing(variant):
    [(_, feedback), _] = run(
        lambda: VARIANTS[variant](skimp.Sign()), 2, inputs_of(2, 40, "float32")
    )
    good = feedback.state_dict()
    field = "mean" if variant == "ef21" else "momentum"
    for bad in (
        {name: values for name, values in good.items() if name != field},
        {**good, field: good[field][1:]},
        {**good, field: good[field].astype(np.float64)},
        {name: values[:7] if values.shape else values for name, values in good.items()},
        {**good, "velocity": good[field]},
    ):
        with pytest.raises(skimp.InvalidArgument):
            feedback.load_state_dict(bad)
        after = feedback.state_dict()
        assert all(same_bits(after[name], good[name]) for name in good)


@pytest.mark.parametrize("variant", ["ef21", "momentum"])
def test_rescale(variant):
    """With a loss scale of 8 from the second step on, results are 8 times those without."""
    inputs = inputs_of(2, 64, "float32")

    def worker(comm):
        one, two = (VARIANTS[variant](skimp.Quantize(4)) for _ in range(2))
        for step, x in enumerate(inputs):
            if step == 1:
                two.rescale(8)
            scale = np.float32(8 if step else 1)
            expected = scale * comm.allreduce(x[comm.rank], codec=one)
            assert same_bits(comm.allreduce(scale * x[comm.rank], codec=two), expected)
        with pytest.raises(skimp.InvalidArgument, match="nan"):
            one.rescale(np.nan)

    skimp.run_threads(2, worker, timeout=60)


@pytest.mark.parametrize("variant", VARIANTS)
def test_binds_to_the_first_structure(variant):
    def worker(comm):
        feedback = VARIANTS[variant](skimp.Sign())
        comm.allreduce(np.ones(12, np.float16), codec=feedback)
        with pytest.raises(skimp.InvalidArgument, match=r"bound to float16\(12,\), got float32"):
            comm.allreduce(np.ones(12, np.float32), codec=feedback)
        loaded = VARIANTS[variant](skimp.Sign())
        loaded.load_state_dict(feedback.state_dict())
        with pytest.raises(skimp.InvalidArgument, match=r"12 float32, got float32\(13,\)"):
            comm.allreduce(np.ones(13, np.float32), codec=loaded)

    skimp.run_threads(2, worker, timeout=60)


def test_only_allreduce_takes_them():
    def worker(comm):
        x, feedback = np.ones(4, np.float32), skimp.EF21(skimp.Sign())
        for call in (comm.broadcast, comm.allgather, comm.reduce_scatter, comm.plan_allreduce):
            with pytest.raises(skimp.InvalidArgument, match=r"EF21.* is for comm\.allreduce"):
                call(x, codec=feedback)

    skimp.run_threads(2, worker, timeout=60)


@pytest.mark.parametrize("options", [{"momentum": 1.0}, {"momentum": -0.1}, {"clip": 0}])
def test_bad_arguments(options):
    with pytest.raises(skimp.InvalidArgument, match=str(next(iter(options.values())))):
        skimp.MomentumCorrection(skimp.Sign(), **options)
