"""The network and its training with compressed gradients; the demo that shows it."""

import numpy as np
import pytest
from skimp.bench import demo, network, training
from skimp.bench.options import CODECS

pytest.importorskip("sklearn")


def test_gradient_is_that_of_the_loss():
    train, _ = network.digits()
    batch = next(train.batches(8, seed=0))
    parameters = network.initial_parameters(seed=0).astype(np.float64)
    _, gradient = network.loss_and_gradient(parameters, batch)
    for index in np.argsort(-np.abs(gradient))[[0, 10, 100, 1000]]:
        step = np.zeros_like(parameters)
        step[index] = 1e-6
        above, below = (network.loss_and_gradient(parameters + s, batch)[0] for s in (step, -step))
        assert (above - below) / 2e-6 == pytest.approx(gradient[index], rel=1e-4)


def test_layers_are_views_of_all_parameters():
    flat = np.arange(network.PARAMETERS, dtype=np.float32)
    pieces = [array.reshape(-1) for pair in network.layers(flat) for array in pair]
    np.testing.assert_array_equal(np.concatenate(pieces), flat)
    assert network.PARAMETERS == 85002


def test_digits_are_divided():
    train, test = network.digits()
    assert len(train) + len(test) == 1797
    assert sum(len(train.of_rank(rank, 4)) for rank in range(4)) == len(train)


def test_training_learns(capsys):
    chosen = [option for codec in CODECS for option in ("-c", codec)]
    assert training.main(["-t", "2", "--steps", "30", *chosen]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if line[0] != "#"]
    assert len(rows) == len(CODECS)
    for row in rows:
        assert float(row[1].rstrip("%")) > 50
        assert row[-1] == "equal"


def test_bad_codec_is_said_once(capsys):
    assert training.main(["--steps", "1", "-c", "nothing"]) == 2
    assert "'nothing' is none of" in capsys.readouterr().err


def test_demo_without_mpi_takes_threads():
    command = demo.command_for(demo.TRAIN, mpirun=None)
    assert command[-2:] == ["-t", str(demo.RANKS)]
    command = demo.command_for(demo.REDUCE, mpirun="/bin/mpirun")
    assert command[:3] == ["/bin/mpirun", "-n", str(demo.RANKS)]
    assert "-t" not in command


def test_demo_environment(monkeypatch):
    monkeypatch.setattr("os.getuid", lambda: 1000)
    environment = demo.environment({"HOME": "/home/me"})
    assert environment["HOME"] == "/home/me"
    assert environment["OMP_NUM_THREADS"] == "1"
    assert "OMPI_ALLOW_RUN_AS_ROOT" not in environment
    monkeypatch.setattr("os.getuid", lambda: 0)
    assert demo.environment({})["OMPI_ALLOW_RUN_AS_ROOT"] == "1"
