"""The real NCCL, in a world of one: it refuses two ranks on one GPU, and machines with several are
not at hand. What ranks say to each other is tested with a stand-in (test_nccl.py)."""

import pytest
import skimp
from skimp.info import info

from tests.comparing import same_bits
from tests.cuda.emulation import ON_GPU, on_device, on_host, use_library
from tests.tables import array

pytestmark = pytest.mark.skipif(not ON_GPU, reason="no GPU")


def test_alone():
    use_library()
    assert info()["nccl"].startswith("2.")
    x = array("normal", 5000, "float32")

    def worker(comm):
        with skimp.nccl(comm, device=0) as link:
            assert link.transport == "nccl"
            return on_host(link.allreduce(on_device(x), codec=skimp.Sign()), x.dtype)

    (result,) = skimp.run_threads(1, worker)
    assert same_bits(result, x)
