"""The emulated kernels under the address sanitizer; same_bytes.cc, topk_cases.cc, lowrank_steps.cc
and element_cases.cc say what is tried."""

import os
import subprocess

import pytest
from skimp import paths

from tests.cuda.emulation import FLAGS, ORDERS, ROOT, built

SANITIZED = [*FLAGS, "-fsanitize=address", "-fno-omit-frame-pointer"]


@pytest.fixture(scope="module")
def same_bytes():
    link = [f"-L{paths.LIB}", f"-Wl,-rpath,{paths.LIB}", "-lskimp"]
    return built("same_bytes", [ROOT / "tests/cuda/same_bytes.cc"], SANITIZED, link)


@pytest.fixture(scope="module")
def topk_cases():
    return built("topk_cases", [ROOT / "tests/cuda/topk_cases.cc"], SANITIZED, [])


@pytest.fixture(scope="module")
def lowrank_steps():
    """With the CPU's steps, which the library does not export."""
    cpu = ["codecs/arguments.cc", "device/buffer.cc", "base/isa.cc", "base/stream.cc"]
    cpu += [f"codecs/lowrank/{stem}.cc" for stem in ("factors", "layout", "lowrank")]
    sources = [ROOT / "tests/cuda/lowrank_steps.cc", *(ROOT / "src" / source for source in cpu)]
    return built("lowrank_steps", sources, SANITIZED, ["-rdynamic", "-ldl"])


@pytest.fixture(scope="module")
def element_cases():
    """With the CPU's gossip step."""
    cpu = ["collectives/mix/move.cc", "base/isa.cc", "base/stream.cc"]
    sources = [ROOT / "tests/cuda/element_cases.cc", *(ROOT / "src" / source for source in cpu)]
    return built("element_cases", sources, SANITIZED, [])


def run(program, *arguments, order="forward"):
    environment = {**os.environ, "SKIMP_EMULATION_ORDER": order}
    command = [program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


@pytest.mark.parametrize("order", ORDERS)
def test_random_jobs(same_bytes, order):
    done = run(same_bytes, "jobs", 1, 400, order=order)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    assert done.stdout == "400 jobs\n"


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("command", ["jobs", "rounds"])
def test_random_steps_of_lowrank(lowrank_steps, command, order):
    done = run(lowrank_steps, command, 1, 60, order=order)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    assert done.stdout == "60 jobs\n"


@pytest.mark.parametrize("order", ORDERS)
def test_random_elements(element_cases, order):
    done = run(element_cases, 1, 8, order=order)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    assert done.stdout == "8 jobs\n"


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 6))
def test_many_random_jobs(same_bytes, seed):
    done = run(same_bytes, "jobs", seed, 20_000, order=f"shuffled:{seed}")
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]


def test_arrays_of_more_than_32_bit_indices(same_bytes, lowrank_steps):
    for program in (same_bytes, lowrank_steps):
        done = run(program, "far")
        assert done.returncode == 0, done.stdout + done.stderr[-4000:]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("mode", ["guesses", "indices", "far"])
def test_topk(topk_cases, mode, order):
    done = run(topk_cases, mode, order=order)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]


def test_an_overrun_is_found(same_bytes):
    done = run(same_bytes, "overrun")
    assert done.returncode != 0
    assert "heap-buffer-overflow" in done.stderr


def test_a_race_is_found(same_bytes):
    """One order or another gives another result."""
    results = {run(same_bytes, "race", order=order).stdout for order in ORDERS}
    assert len(results) > 1
