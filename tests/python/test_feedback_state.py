"""Error feedback: what it binds to, and how its state is saved and loaded."""

import io
import pickle
import threading

import numpy as np
import pytest
import skimp


def reduce_alone(feedback, x, **options):
    """With a second rank that does the same, so that something is sent; both as if reloaded."""
    twin = pickle.loads(pickle.dumps(feedback))
    feedback.load_state_dict(feedback.state_dict())

    def worker(comm):
        return comm.allreduce(x, codec=feedback if comm.rank == 0 else twin, **options)

    return skimp.run_threads(2, worker, timeout=20)[0]


def used(codec=None, steps=3, size=100, dtype=np.float32):
    feedback = skimp.ErrorFeedback(codec or skimp.Sign())
    for step in range(steps):
        reduce_alone(feedback, np.linspace(step, 5, size).astype(dtype))
    return feedback


def test_conservation():
    """Inputs = world_size · means + residuals."""
    inputs = np.random.default_rng(0).standard_normal((3, 5, 1000)).astype(np.float32)

    def worker(comm):
        feedback = skimp.ErrorFeedback(skimp.Sign())
        total = np.zeros(1000)
        for x in inputs[comm.rank]:
            total += comm.allreduce(x, codec=feedback)
        return total, feedback.residual()

    results = skimp.run_threads(3, worker)
    residuals = sum(residual.astype(float) for _, residual in results)
    assert np.allclose(inputs.sum((0, 1)), 3 * results[0][0] + residuals, atol=1e-3)


def test_binds_to_the_first_structure():
    feedback = used(size=12)
    with pytest.raises(
        skimp.InvalidArgument, match=r"bound to float32\(12,\), got float32\(3, 4\)"
    ):
        reduce_alone(feedback, np.ones((3, 4), np.float32))
    with pytest.raises(skimp.InvalidArgument, match=r"got float16\(12,\)"):
        reduce_alone(feedback, np.ones(12, np.float16))
    with pytest.raises(skimp.InvalidArgument, match=r"got \{'a': float32\(12,\)\}"):
        reduce_alone(feedback, {"a": np.ones(12, np.float32)})
    assert feedback.step == 3


def test_a_call_that_fails_does_not_bind():
    feedback = skimp.ErrorFeedback(skimp.TopK(k=5))
    with pytest.raises(skimp.InvalidArgument, match="5"):
        reduce_alone(feedback, np.ones(3, np.float32))
    reduce_alone(feedback, np.ones(8, np.float32))
    assert feedback.residual().shape == (8,)


def test_keys_keep_several():
    feedback = skimp.ErrorFeedback(skimp.Sign())
    reduce_alone(feedback, np.ones(3, np.float32))
    reduce_alone(feedback, np.ones((2, 2), np.float64), key="head")
    reduce_alone(feedback, np.ones((2, 2), np.float64), key="head")
    assert feedback.residual().shape == (3,)
    assert feedback.residual("head").shape == (2, 2)
    assert feedback.residual("head").dtype == np.float64
    assert feedback.step == 2
    with pytest.raises(skimp.InvalidArgument, match="'tail'"):
        feedback.residual("tail")
    with pytest.raises(skimp.InvalidArgument, match="key = 3"):
        reduce_alone(feedback, np.ones(3, np.float32), key=3)


def test_bucket():
    feedback = skimp.ErrorFeedback(skimp.Sign())
    reduce_alone(feedback, [np.ones((2, 2), np.float32), np.ones(3, np.float16)])
    assert feedback.residual().shape == (7,)


def test_two_ranks_must_not_share_one():
    feedback = skimp.ErrorFeedback(skimp.Sign())

    def worker(comm):
        comm.allreduce(np.ones(8, np.float32), codec=feedback)

    with pytest.raises(skimp.InvalidArgument, match="its own"):
        skimp.run_threads(2, worker, timeout=20)


def test_two_calls_at_once_are_refused():
    residual = skimp.Residual(8)
    with residual.lend():
        refused = []

        def encode():
            try:
                skimp.Sign().encode(np.ones(8, np.float32), residual)
            except skimp.InvalidArgument as error:
                refused.append(error)

        thread = threading.Thread(target=encode)
        thread.start()
        thread.join()
    assert refused
    skimp.Sign().encode(np.ones(8, np.float32), residual)


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.float64])
def test_saved_and_loaded_it_continues_alike(dtype):
    x = np.linspace(-3, 5, 50).astype(dtype)
    one = used(size=50, dtype=dtype)
    file = io.BytesIO()
    np.savez(file, **one.state_dict())
    file.seek(0)
    two = skimp.ErrorFeedback(skimp.Sign())
    two.load_state_dict(np.load(file))
    three = pickle.loads(pickle.dumps(one))
    assert one.step == two.step == three.step == 3
    results = [reduce_alone(feedback, x) for feedback in (one, two, three)]
    for result, feedback in zip(results, (one, two, three), strict=True):
        assert np.array_equal(result, results[0])
        assert np.array_equal(feedback.residual(), one.residual())
    assert one.step == two.step == three.step == 4


def test_state_is_a_copy():
    feedback = used()
    state = feedback.state_dict()
    before = state["residual"].copy()
    feedback.residual()[:] = 0
    assert np.array_equal(state["residual"], before)
    feedback.load_state_dict(state)
    assert np.array_equal(feedback.residual(), before)


def test_state_names():
    feedback = skimp.ErrorFeedback(skimp.Sign())
    assert feedback.state_dict() == {}
    for key in (None, "a", "a.b", ""):
        reduce_alone(feedback, np.ones(3, np.float32), key=key)
    state = feedback.state_dict()
    names = {"residual", "a.residual", "a.b.residual", ".residual"}
    assert set(state) == names | {name.replace("residual", "step") for name in names}
    other = skimp.ErrorFeedback(skimp.Sign())
    other.load_state_dict(state)
    assert set(other.state_dict()) == set(state)


@pytest.mark.parametrize(
    "state",
    [
        {"residual": np.zeros(7, np.float32), "step": 1},
        {"residual": np.zeros(100, np.float64), "step": 1},
        {"residual": np.zeros(100, np.int64), "step": 1},
        {"residual": np.zeros(100, np.float32)},
        {"momentum": np.zeros(100, np.float32)},
    ],
)
def test_refused_states_change_nothing(state):
    feedback = used(size=100)
    before = feedback.residual().copy()
    with pytest.raises(skimp.InvalidArgument):
        feedback.load_state_dict(state)
    assert np.array_equal(feedback.residual(), before)
    assert feedback.step == 3


def test_loaded_before_the_first_call_it_must_fit():
    feedback = skimp.ErrorFeedback(skimp.Sign())
    feedback.load_state_dict(used(size=100).state_dict())
    with pytest.raises(skimp.InvalidArgument, match=r"100 float32, got float32\(99,\)"):
        reduce_alone(feedback, np.ones(99, np.float32))
    reduce_alone(feedback, np.ones(100, np.float32))
    assert feedback.step == 4


def test_ranks_at_different_steps_are_noticed():
    state = used(size=100).state_dict()

    def worker(comm):
        feedback = skimp.ErrorFeedback(skimp.Sign())
        if comm.rank == 1:
            feedback.load_state_dict(state)
        comm.allreduce(np.ones(100, np.float32), codec=feedback)

    with pytest.raises(skimp.MismatchError):
        skimp.run_threads(2, worker, timeout=20)


def test_rescale():
    feedback = used()
    before = feedback.residual().copy()
    feedback.rescale(0.5)
    assert np.array_equal(feedback.residual(), before / 2)
    for factor in (np.inf, np.nan):
        with pytest.raises(skimp.InvalidArgument):
            feedback.rescale(factor)


def test_a_plan_uses_the_feedback():
    def worker(comm):
        x = np.linspace(0, 1, 100, dtype=np.float32) * (comm.rank + 1)
        one, two = (skimp.ErrorFeedback(skimp.Quantize(2)) for _ in range(2))
        plan = comm.plan_allreduce(x, codec=two)
        for _ in range(3):
            assert np.array_equal(comm.allreduce(x, codec=one), plan.run(x))
        assert np.array_equal(one.residual(), two.residual())
        assert one.step == two.step == 3

    skimp.run_threads(2, worker)


def test_residual():
    residual = skimp.Residual(0)
    assert residual.values.shape == (0,)
    residual = skimp.Residual(4, "bfloat16", in_place=True)
    assert residual.dtype == "float32"
    residual.load(np.arange(4, dtype=np.float32), 7)
    copy = pickle.loads(pickle.dumps(residual))
    assert (copy.step, copy.values.tolist()) == (7, [0, 1, 2, 3])
    with pytest.raises(skimp.UnsupportedType):
        residual.load(np.arange(4), 7)
    with pytest.raises(skimp.InvalidArgument):
        residual.load(np.zeros(5, np.float32), 7)
    values = residual.values
    del residual  # the view keeps the memory
    assert values.tolist() == [0, 1, 2, 3]


def test_codecs_and_payloads_are_pickled():
    for codec in (skimp.Identity(), skimp.Sign(64), skimp.Quantize(3), skimp.TopK(k=3)):
        again = pickle.loads(pickle.dumps(codec))
        assert (again, type(again), hash(again)) == (codec, type(codec), hash(codec))
        assert eval(repr(codec)) == codec
        payload = codec.encode(np.arange(9, dtype=np.float16))
        copy = pickle.loads(pickle.dumps(payload))
        assert (copy, copy.count, copy.dtype, copy.codec) == (payload, 9, "float16", payload.codec)
        assert bytes(memoryview(payload)) == payload
    assert skimp.Sign(64) != skimp.Sign(32)
    assert skimp.Sign(64) != "sign(block=64)"
