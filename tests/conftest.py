"""What tests of several folders are given."""

import pytest

from tests.capi import abi


@pytest.fixture(scope="session")
def lib() -> abi.Library:
    """The C interface."""
    return abi.Library()
