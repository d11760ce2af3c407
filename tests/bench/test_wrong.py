"""What is wrong is counted, what fails is said, and the exit status tells."""

from dataclasses import replace

import numpy as np
import pytest
import skimp
from skimp import _calls
from skimp.bench import main
from skimp.bench.balance import count_lost
from skimp.bench.collectives import COLLECTIVES

from tests.bench.command import QUICK, bench


def spoil(monkeypatch, name, spoil_result):
    """Lets `spoil_result(comm, out)` loose on every result of a collective."""
    original = getattr(skimp.Communicator, name)

    def spoiled(comm, x, *, out, **options):
        original(comm, x, out=out, **options)
        spoil_result(comm, out)

    monkeypatch.setattr(skimp.Communicator, name, spoiled)


@pytest.mark.parametrize("name", COLLECTIVES)
def test_one_element_on_one_rank(name, tmp_path, monkeypatch):
    def spoil_result(comm, out):
        if comm.rank == 1:
            out.reshape(-1)[5] += 1e-3

    spoil(monkeypatch, name, spoil_result)
    status, document = bench(tmp_path, name, "-t", "3", "-c", "sign")
    assert status == 1
    assert [row["wrong"] for row in document["rows"]] == [2, 2]  # in the first call and the last
    assert document["wrong"] == 4


@pytest.mark.parametrize("name", COLLECTIVES)
def test_the_same_on_all_ranks(name, tmp_path, monkeypatch):
    def spoil_result(comm, out):
        out *= 1 + 1e-4

    spoil(monkeypatch, name, spoil_result)
    status, document = bench(tmp_path, name, "-c", "quantize(bits=8)")
    assert status == 1
    for row in document["rows"]:
        assert row["wrong"] > row["count"] / 2


def test_nothing_written(tmp_path, monkeypatch):
    monkeypatch.setattr(skimp.Communicator, "allreduce", lambda comm, x, **options: None)
    status, document = bench(tmp_path, "allreduce", "-c", "identity")
    (row,) = document["rows"]
    assert (status, row["wrong"]) == (1, 2 * row["count"])


def test_wrong_decoder(tmp_path, monkeypatch):
    original = _calls.decode

    def decode(frame, target, dtype):
        original(frame, target, dtype)
        target[7] += 1

    monkeypatch.setattr(_calls, "decode", decode)
    status, document = bench(tmp_path, "codec", "-c", "sign")
    assert (status, document["wrong"]) == (1, 2)


def test_wrong_elements_are_printed(capsys, monkeypatch):
    spoil(monkeypatch, "allreduce", lambda comm, out: out.fill(np.nan))
    assert main(["allreduce", *QUICK, "-c", "identity"]) == 1
    output = capsys.readouterr().out
    assert output.splitlines()[-1] == "# wrong elements: 2048"


def test_balance():
    """Half a spacing is rounding; what is visible in the type of the result is not."""
    half = np.full(4, 0.5, np.float32)
    result = np.ones(4, np.float32)
    result[1] = np.nextafter(np.float32(1), np.float32(2))
    result[2] = 1 + 1e-5
    assert count_lost([half, half], [], [], result) == 1
    assert count_lost([half, half], [], [], result / 2, scale=2) == 1
    assert count_lost([half, half], [half], [half, 0 * half], result) == 1
    assert count_lost([half], [], [], np.full(4, np.nan, np.float32)) == 4


def test_a_rank_that_fails_ends_all(capsys, monkeypatch):
    """While the others wait for it beside Skimp."""

    def check(ranks, call):
        if ranks.rank == 1:
            raise ValueError("a test's")
        return ranks.gather(None)

    monkeypatch.setitem(COLLECTIVES, "allreduce", _with_check(COLLECTIVES["allreduce"], check))
    assert main(["allreduce", *QUICK, "-t", "3"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("skimp bench: ValueError: a test's\n")
    assert "rank 1" in error


def _with_check(row, check):
    return replace(row, check=check)


def test_what_all_ranks_refuse_is_said_once(capsys):
    assert main(["allreduce", *QUICK, "-c", "topk(k=5000)"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("skimp bench: InvalidArgument: topk: k = 5000 exceeds count = 1024")
    assert error.count("skimp bench") == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-c", "nothing"], "'nothing' is none of"),
        (["-c", "topk(density=0)"], "density"),
        (["-b", "x"], "x"),
        (["-n", "0"], "not at least 1"),
        (["-d", "int8"], "float32"),
        (["--data", "zeros"], "normal"),
    ],
)
def test_bad_options(options, message, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["allreduce", *options])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
