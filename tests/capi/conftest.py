"""Objects that tests of the C interface work with."""

import pytest


@pytest.fixture
def alone(lib):
    """The one rank of a world of one."""
    (communicator,) = lib.make_threads(1)
    yield communicator
    lib.communicator_destroy(communicator)


@pytest.fixture
def sign(lib):
    codec = lib.make("codec", b"sign(block=32)")
    yield codec
    lib.codec_destroy(codec)
