"""`bench allreduce` and its sisters: what they measure, and what they print."""

import json
import os
import subprocess
import sys
from dataclasses import fields

import pytest
from skimp.bench import demo, main, measure
from skimp.bench.collectives import COLLECTIVES
from skimp.bench.options import CODECS as DEFAULT_CODECS
from skimp.bench.options import parse

from tests.bench.command import QUICK, bench

UNSLICEABLE = "random_k(density=0.1)"
CODECS = ("identity", "sign", "quantize(bits=3)", "topk(density=0.1)", UNSLICEABLE)


@pytest.mark.parametrize("name", COLLECTIVES)
@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_all_codecs(name, ranks, tmp_path):
    codecs = [codec for codec in CODECS if name != "reduce_scatter" or codec != UNSLICEABLE]
    chosen = [option for codec in codecs for option in ("-c", codec)]
    status, document = bench(tmp_path, name, "-t", str(ranks), *chosen)
    assert status == 0
    assert document["wrong"] == 0
    assert document["ranks"] == ranks
    rows = document["rows"]
    assert [row["codec"] for row in rows] == codecs
    for row in rows:
        assert set(row) == {field.name for field in fields(measure.Row)}
        assert 0 < row["size"] <= 4096
        assert row["wrong"] == 0
        assert row["time_us"] > 0
        assert len(row["times_us"]) == 2
        assert row["busbw"] == pytest.approx(row["algbw"] * COLLECTIVES[name].bus_factor(ranks))
        assert row["vs_mpi"] is None
        assert row["report"]["bytes_sent"] <= row["wire"]
        if ranks > 1:
            assert row["ratio"] == pytest.approx(rows[0]["wire"] / row["wire"])
    dense, *lossy = rows
    assert dense["error"] < 1e-6
    least = 0.01 if ranks > 1 else 0  # a rank that is alone gets its input back
    assert all(least <= row["error"] <= 1.5 for row in lossy)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
@pytest.mark.parametrize("name", ["allreduce", "allgather"])
def test_element_types(name, dtype, tmp_path):
    pytest.importorskip("ml_dtypes")
    status, document = bench(tmp_path, name, "-d", dtype, "--data", "student")
    assert (status, document["wrong"]) == (0, 0)
    assert {row["type"] for row in document["rows"]} == {dtype}


def test_options_reach_the_call(tmp_path):
    options = ["-o", "sum", "--algorithm", "two_phase", "--broadcast-codec", "quantize(bits=8)"]
    status, document = bench(tmp_path, "allreduce", "--no-feedback", *options, "-c", "sign")
    assert (status, document["wrong"]) == (0, 0)
    dense, sign = document["rows"]
    assert dense["algorithm"] == "dense_direct"  # stays what Skimp chooses
    assert sign["algorithm"] == "two_phase"
    assert sign["ratio"] < 8  # eight bits come back
    assert bench(tmp_path, "broadcast", "-r", "1").status == 0


def test_stochastic_rounding_without_feedback(tmp_path):
    codec = "quantize(bits=4,rounding=stochastic)"
    for name in COLLECTIVES:
        assert bench(tmp_path, name, "--no-feedback", "-c", codec).status == 0


def test_table(capsys):
    assert main(["allreduce", *QUICK]) == 0
    output = capsys.readouterr().out
    lines = output.splitlines()
    rows = [line for line in lines if line and not line.startswith("#")]
    assert len(rows) == len(DEFAULT_CODECS)
    assert all(len(line) <= 110 for line in lines)
    assert lines[0].startswith("# skimp ") and "2 ranks as threads" in lines[0]
    titles = next(line for line in lines if "algbw" in line)
    for row in rows:
        assert len(row) == len(titles)  # columns are aligned on the right
        assert row.split()[-1] == "0"


def test_json_on_standard_output_is_alone(capsys):
    assert main(["broadcast", *QUICK, "-c", "sign", "--json", "-"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["options"]["codecs"] == ["sign"]


@pytest.mark.parametrize(
    ("options", "sizes"),
    [
        ([], [4096, 65536, 1 << 20, 16 << 20]),
        (["-b", "64M", "-e", "64M"], [64 << 20]),
        (["-b", "64M"], [64 << 20]),
        (["-b", "1K", "-e", "4k", "-f", "2"], [1024, 2048, 4096]),
        (["-b", "1K", "-e", "4K", "-i", "2K"], [1024, 3072]),
        (["-e", "100"], [100]),
    ],
)
def test_sizes(options, sizes):
    assert parse(["allreduce", *options]).sizes() == sizes


@pytest.mark.skipif(demo.find_mpirun() is None, reason="no MPI")
def test_under_mpirun(tmp_path):
    file = tmp_path / "bench.json"
    python = [sys.executable, "-m", "skimp", "bench", "allreduce", *QUICK, "--json", str(file)]
    command = [demo.find_mpirun(), "-n", "3", *python]
    environment = demo.environment(os.environ)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("# skimp ") == 1  # only the first rank prints
    document = json.loads(file.read_text())
    assert (document["ranks"], document["wrong"]) == (3, 0)
    mpi, *skimps = document["rows"]
    assert mpi["codec"] == "MPI_Allreduce"
    assert mpi["wrong"] is None
    assert all(row["vs_mpi"] > 0 for row in document["rows"])
    assert [row["codec"] for row in skimps] == list(DEFAULT_CODECS)
