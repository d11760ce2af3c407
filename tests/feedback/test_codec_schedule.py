"""Codecs that change with the step."""

import pickle

import numpy as np
import pytest
import skimp

from tests.tables import array


def test_density_warm_up_is_the_papers():
    schedule = skimp.density_warm_up(0.001, steps=40)
    densities = [0.25, 0.0628717, 0.0158114, 0.00397635, 0.001]
    for stage, density in enumerate(densities):
        for step in (10 * stage, 10 * stage + 9):
            assert schedule.codec_at(step) == skimp.TopK(density)
    assert schedule.codec_at(10**9) == skimp.TopK(0.001)
    assert pickle.loads(pickle.dumps(schedule)) == schedule


def test_feedback_follows_it_and_loses_nothing():
    """What each step keeps follows the schedule, by key; residuals go on from codec to codec."""
    schedule = skimp.CodecSchedule({0: skimp.TopK(0.5), 3: skimp.TopK(k=10), 5: skimp.TopK(1.0)})
    inputs = [[array("normal", 100, "float64", seed=[s, r]) for r in range(3)] for s in range(8)]

    def worker(comm):
        feedback = skimp.ErrorFeedback(schedule)
        means = []
        for step, x in enumerate(inputs):
            for key in ("first", "second"):
                assert feedback.codec_for(key) == schedule.codec_at(step)
                mean = comm.allreduce(x[comm.rank], codec=feedback, key=key)
                assert np.count_nonzero(mean) == (50 if step < 3 else 10 if step < 5 else 100)
            means.append(mean)
        return sum(means), feedback.residual("second")

    ranks = skimp.run_threads(3, worker, timeout=60)
    residuals = sum(residual for _, residual in ranks)
    assert np.allclose(np.sum(inputs, (0, 1)), 3 * ranks[0][0] + residuals, atol=1e-12)


def test_resumes_at_its_place():
    schedule = skimp.CodecSchedule({0: skimp.TopK(0.5), 2: skimp.Sign()})

    def worker(comm):
        feedback = skimp.ErrorFeedback(schedule)
        x = array("normal", 100, "float32", seed=comm.rank)
        for _ in range(2):
            comm.allreduce(x, codec=feedback)
        loaded = skimp.ErrorFeedback(schedule)
        loaded.load_state_dict(feedback.state_dict())
        copy = pickle.loads(pickle.dumps(feedback))
        assert feedback.codec == loaded.codec == copy.codec == skimp.Sign()

    skimp.run_threads(2, worker, timeout=60)


def test_a_plan_has_one_codec():
    def worker(comm):
        feedback = skimp.ErrorFeedback(skimp.density_warm_up(0.01, steps=4))
        with pytest.raises(skimp.InvalidArgument, match="fixed"):
            comm.plan_allreduce(np.ones(4, np.float32), codec=feedback)

    skimp.run_threads(1, worker)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: skimp.CodecSchedule({}), "step 0"),
        (lambda: skimp.CodecSchedule({1: skimp.Sign()}), r"\[1\]"),
        (lambda: skimp.CodecSchedule({0: "sign"}), "'sign'"),
        (lambda: skimp.CodecSchedule({0: skimp.Sign(), -1: skimp.Sign()}), "-1"),
        (lambda: skimp.density_warm_up(0.5, steps=8), r"0\.5 and 0\.25"),
        (lambda: skimp.density_warm_up(0.1, steps=3), "steps = 3"),
    ],
)
def test_bad_arguments(make, says):
    with pytest.raises(skimp.InvalidArgument, match=says):
        make()
