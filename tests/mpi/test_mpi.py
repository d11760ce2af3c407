"""Skimp over the MPI of this environment. A launch takes seconds, so each makes many checks: the
workers have them."""

import time

import pytest

from tests.mpi import launch

# Nine ranks on a few cores take minutes.
SIZES = [2, 3, 4, *(pytest.param(size, marks=pytest.mark.long) for size in (1, 5, 6, 7, 8, 9))]


@pytest.mark.parametrize("world_size", SIZES)
def test_same_bits_as_over_threads(world_size):
    launch.run(world_size, "collectives")


@pytest.mark.parametrize("company", ["none", "not rank 1", "nodes", "few"])
def test_same_bits_where_not_all_is_in_arenas(company):
    """Payloads go as messages: all, those of one rank, those between nodes, or some."""
    launch.run(3, "collectives", company)


@pytest.mark.parametrize("world_size", [2, 3, 4])
def test_errors_reach_every_rank(world_size):
    launch.run(world_size, "errors")


def test_a_program_that_raises_ends():
    """Long before the deadline of 300 s, with the exception and what the others heard of it."""
    begin = time.monotonic()
    done = launch.start(3, "exception")
    assert done.returncode != 0
    assert "ValueError: no such layer" in done.stderr
    assert "skimp.errors.PeerFailed: rank 1 failed: ValueError: no such layer" in done.stderr
    assert time.monotonic() - begin < 60
