"""Local SGD: what a synchronisation gives, feedback over rounds, and its state."""

import io

import numpy as np
import pytest
import skimp

from tests import oracle
from tests.collectives.methods import Method
from tests.comparing import same_bits
from tests.oracle.feedback import LocalSGD
from tests.pairwise import parametrize
from tests.tables import DTYPES, array

RANKS, COUNT, STEPS = 3, 40, 12


def change(rank, step, dtype):
    return (0.1 * array("normal", COUNT, "float64", seed=[step, rank])).astype(dtype)


def train(local, comm, w, steps=range(STEPS)):
    """Local steps that do not look at the parameters."""
    for step in steps:
        w = local.step(comm, (w + change(comm.rank, step, w.dtype)).astype(w.dtype))
    return w


@parametrize(
    period=(1, 2, 3, 12),
    momentum=(0.0, 0.9),
    nesterov=(False, True),
    learning_rate=(1.0, 0.7),
    dtype=DTYPES,
    method=(
        Method("identity", "dense_direct"),
        Method("sign(block=32)", "two_phase"),
        Method("quantize(bits=4)", "two_phase"),
    ),
)
def test_same_bits_as_the_oracle(period, momentum, nesterov, learning_rate, dtype, method):
    kind = oracle.dtype(dtype)
    start = array("normal", COUNT, dtype)

    def worker(comm):
        outer = {"momentum": momentum, "learning_rate": learning_rate, "nesterov": nesterov}
        local = skimp.LocalSGD(period, skimp.codec(method.codec), **outer)
        w = local.start(comm, start if comm.rank == 0 else np.zeros_like(start))
        assert same_bits(w, start)
        return train(local, comm, w)

    expected = LocalSGD(start, RANKS, momentum, learning_rate, nesterov)
    w = [start] * RANKS
    for step in range(STEPS):
        w = [(w[rank] + change(rank, step, kind)).astype(kind) for rank in range(RANKS)]
        if (step + 1) % period == 0:
            w = [expected.synchronise(w, lambda x, v: method.expected(x, residuals=v))] * RANKS
    for result in skimp.run_threads(RANKS, worker, timeout=60):
        assert same_bits(result, w[0])


def test_small_changes_of_float16_add_up():
    """Each outer step is below half a unit in the last place; all together are not."""

    def worker(comm):
        local = skimp.LocalSGD(1, learning_rate=0.25)
        w = local.start(comm, np.ones(4, np.float16))
        for _ in range(16):
            w = local.step(comm, w + np.float16(2**-10))
        return w

    assert (skimp.run_threads(2, worker)[0] == 1 + 4 * 2**-10).all()


def test_small_changes_add_up_in_buckets_of_several_types():
    """float32 beside float16: the bucket travels as float32, but is rounded to float16 as well."""

    def worker(comm):
        local = skimp.LocalSGD(1, learning_rate=0.25)
        w = local.start(comm, [np.ones(4, np.float16), np.ones(4, np.float32)])
        for _ in range(16):
            w = local.step(comm, [x + x.dtype.type(2**-10) for x in w])
        return w

    narrow, wide = skimp.run_threads(2, worker)[0]
    assert narrow.dtype == np.float16 and (narrow == 1 + 4 * 2**-10).all()
    assert wide.dtype == np.float32 and (wide == 1 + 4 * 2**-10).all()


@pytest.mark.parametrize("codec", [skimp.TopK(k=4), skimp.Sign()])
@pytest.mark.parametrize("wrap", [lambda codec: codec, skimp.ErrorFeedback])
def test_codecs_get_feedback(codec, wrap):
    """Local changes = ranks · change of the parameters + residuals."""

    def worker(comm):
        local = skimp.LocalSGD(2, wrap(codec))
        w = train(local, comm, local.start(comm, np.zeros(COUNT)))
        return w, local.state_dict()["residual"]

    ranks = skimp.run_threads(RANKS, worker, timeout=60)
    assert all(same_bits(w, ranks[0][0]) for w, _ in ranks)
    changes = sum(change(r, step, float) for r in range(RANKS) for step in range(STEPS))
    residuals = sum(residual for _, residual in ranks)
    assert np.abs(residuals).max() > 0.01
    assert np.allclose(changes, RANKS * ranks[0][0] + residuals, atol=1e-12)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_resumed_it_gives_the_same_bits(momentum):
    def worker(comm):
        one, two = (skimp.LocalSGD(4, skimp.Quantize(2), momentum=momentum) for _ in range(2))
        w = train(one, comm, one.start(comm, np.zeros(COUNT, np.float32)), range(6))
        file = io.BytesIO()  # in the middle of a period
        np.savez(file, **one.state_dict())
        file.seek(0)
        two.load_state_dict(np.load(file))
        assert two.steps == 6
        resumed = train(two, comm, w, range(6, STEPS))
        assert same_bits(train(one, comm, w, range(6, STEPS)), resumed)

    skimp.run_threads(RANKS, worker, timeout=60)


def test_buckets_and_synchronise():
    def worker(comm):
        local = skimp.LocalSGD(100)
        w = local.start(comm, {"a": np.zeros((2, 2), np.float16), "b": [np.zeros(3, np.float64)]})
        w["a"] += np.float16(comm.rank)
        w["b"][0] += comm.rank
        assert local.step(comm, w) is w
        w = local.synchronise(comm, w)
        assert w["a"].dtype == np.float16 and (w["a"] == 1).all() and (w["b"][0] == 1).all()

    skimp.run_threads(3, worker, timeout=60)


def test_nonfinite_parameters_change_nothing():
    def worker(comm):
        local = skimp.LocalSGD(1, skimp.Sign())
        w = local.step(comm, local.start(comm, np.zeros(4, np.float32)) + comm.rank)
        before = local.state_dict()
        with pytest.raises(skimp.NonFiniteError):
            local.step(comm, w * np.float32(np.inf if comm.rank == 1 else 1))
        after = local.state_dict()
        assert all(same_bits(after[name], before[name]) for name in before)
        local.step(comm, w)

    skimp.run_threads(2, worker, timeout=60)


def test_refusals():
    def worker(comm):
        local = skimp.LocalSGD(1)
        w = np.zeros(4, np.float32)
        with pytest.raises(skimp.InvalidArgument, match="start"):
            local.step(comm, w)
        local.start(comm, w)
        with pytest.raises(skimp.InvalidArgument, match=r"float32\(4,\), got float32\(5,\)"):
            local.step(comm, np.zeros(5, np.float32))
        state = local.state_dict()
        for bad in (
            {"anchor": state["anchor"]},
            {**state, "velocity": state["velocity"][1:]},
            {**state, "residual": w, "step": 3},
        ):
            with pytest.raises(skimp.InvalidArgument):
                local.load_state_dict(bad)
        local.load_state_dict(state)
        with pytest.raises(skimp.InvalidArgument, match=r"4 float32, got float64\(4,\)"):
            local.step(comm, np.zeros(4))

    skimp.run_threads(1, worker)
    for options in (
        {"period": 0},
        {"momentum": 1},
        {"learning_rate": 0},
        {"learning_rate": np.nan},
    ):
        with pytest.raises(skimp.InvalidArgument, match=str(*options.values())):
            skimp.LocalSGD(**{"period": 1, **options})
