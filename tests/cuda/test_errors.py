"""Device arrays that cannot be handled, and received bytes that no encoder wrote."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import skimp
from skimp import paths

from tests import oracle
from tests.comparing import same_bits
from tests.cuda.emulation import ON_GPU, ROOT, Dressed, on_device, on_host, use_library
from tests.pairwise import parametrize
from tests.tables import DTYPES, array

KERNELS = (
    "sign(block=32)",
    *(f"quantize(bits={bits},block=32)" for bits in (8, 4, 3, 2)),
    "topk(k=3)",
    "topk(density=0.1)",
    "topk(density=0.1,values=float16)",
    "topk(density=0.5,values=bfloat16)",
)


@pytest.fixture(autouse=True, scope="module")
def library():
    use_library()


@parametrize(codec=KERNELS, dtype=DTYPES, count=(3, 45, 100))
def test_forged_payloads(codec, dtype, count):
    """With sums that hide it: refused or read exactly where the CPU does."""
    x = array("normal", count, dtype)
    header, payload = oracle.open_frame(oracle.encode_frame(oracle.codec(codec), x)[0])
    rng = np.random.default_rng(0)
    refused = 0
    for flips in range(40):
        forged = bytearray(payload)
        for bit in rng.integers(0, 8 * len(payload), flips):
            forged[bit // 8] ^= 1 << bit % 8
        frame = oracle.seal(header, bytes(forged))
        try:
            expected = skimp.decode(frame, like=x)
        except skimp.CorruptPayload:
            refused += 1
            with pytest.raises(skimp.CorruptPayload):
                skimp.decode(frame, like=on_device(x))
            continue
        assert same_bits(on_host(skimp.decode(frame, like=on_device(x)), x.dtype), expected)
    assert 0 < refused < 40


CORRUPT = ROOT / "tests" / "golden" / "corrupt"
STEMS = sorted(path.stem for path in CORRUPT.glob("*.bin"))


@pytest.mark.parametrize("name", [s for s in STEMS if s.startswith(("sign", "quantize", "topk"))])
def test_corrupt_frames(name):
    frame = (CORRUPT / f"{name}.bin").read_bytes()
    dtype = DTYPES[frame[7] - 1]
    like = on_device(array("all_zero", int.from_bytes(frame[16:24], "little"), dtype))
    with pytest.raises(skimp.CorruptPayload):
        skimp.decode(frame, like=like)


def test_frames_are_checked_before_a_kernel_sees_them():
    x = array("normal", 100, "float32")
    frame = bytes(skimp.Sign().encode(x))
    for corrupt in (frame[:-1], frame + b"\0", frame[:-1] + bytes([frame[-1] ^ 1]), b""):
        with pytest.raises(skimp.CorruptPayload):
            skimp.decode(corrupt, like=on_device(x))
    with pytest.raises(skimp.InvalidArgument, match="100 elements, like has 99"):
        skimp.decode(frame, like=on_device(x[:99]))
    with pytest.raises(skimp.UnsupportedType, match="float64"):
        skimp.decode(frame, like=on_device(x.astype(np.float64)))


@pytest.mark.parametrize("codec", ["block_topk(k=3)", "random_k(k=3)"])
def test_codecs_without_kernels(codec):
    x = array("normal", 100, "float32")
    state = skimp.Residual(100, device=0)
    with pytest.raises(skimp.UnsupportedType, match=r"no kernels.*copy the array to host memory"):
        skimp.codec(codec).encode(on_device(x), residual=state)
    assert state.step == 0 and not state.values.any()
    with pytest.raises(skimp.UnsupportedType, match="no kernels"):
        skimp.decode(skimp.codec(codec).encode(x), like=on_device(x))


def test_residuals_lie_where_the_array_does():
    x = array("normal", 100, "float32")
    here, there = skimp.Residual(100), skimp.Residual(100, device=0)
    with pytest.raises(skimp.InvalidArgument, match=r"made in host memory, used .* on device 0"):
        skimp.Sign().encode(on_device(x), residual=here)
    with pytest.raises(skimp.InvalidArgument, match=r"made on device 0, used .* in host memory"):
        skimp.Sign().encode(x, residual=there)
    assert here.step == there.step == 0


def test_residual_on_a_device():
    x = array("normal", 100, "float32")
    state = skimp.Residual(100, device=0)
    assert state.device == 0 and "device=0" in repr(state)
    skimp.Sign(block=32).encode(on_device(x), residual=state)
    before = state.values
    copied = pickle.loads(pickle.dumps(state))
    assert copied.device == 0 and copied.step == 1 and same_bits(copied.values, before)
    state.rescale(0.5)
    assert same_bits(state.values, before * np.float32(0.5))
    with pytest.raises(ValueError, match="read-only"):
        before[0] = 1  # a copy: writing to it would be lost


def test_frames_are_of_one_array():
    x = on_device(array("normal", 100, "float32"))
    with pytest.raises(skimp.UnsupportedType, match=r"host memory|on cuda"):
        skimp.Sign().encode([x])


@pytest.mark.skipif(ON_GPU, reason="about the interface of other libraries")
def test_what_an_interface_may_say():
    x = array("normal", 64, "float32").reshape(8, 8)
    for view in (x.T, x[:, ::2], x[::-1]):
        with pytest.raises(skimp.UnsupportedType, match="contiguous"):
            skimp.Sign().encode(Dressed(view))
    assert skimp.Sign().encode(Dressed(x[2:4])) == skimp.Sign().encode(x[2:4])
    with pytest.raises(skimp.UnsupportedType, match="int32"):
        skimp.Sign().encode(Dressed(x.astype(np.int32)))

    class Bare:
        """Nobody knows how to make another."""

        __cuda_array_interface__ = Dressed(x).__cuda_array_interface__

    with pytest.raises(skimp.UnsupportedType, match="torch tensor or a cupy array"):
        skimp.decode(skimp.Sign().encode(Bare()), like=Bare())


@pytest.mark.parametrize(
    ("library", "says"),
    [
        ("/nowhere/libskimp_cuda.so", "/nowhere/libskimp_cuda.so: cannot open shared object file"),
        (str(paths.LIBRARY), "version unknown"),
    ],
)
def test_what_is_missing(library, says):
    environment = {**os.environ, "SKIMP_CUDA_LIBRARY": library}
    program = "import skimp; skimp.Residual(3, device=0)"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True
    )
    assert "UnsupportedType" in done.stderr and says in done.stderr
    done = subprocess.run(
        [sys.executable, "-m", "skimp", "info"], env=environment, capture_output=True, text=True
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("cuda "))
    assert says in line


def test_info_names_devices():
    done = subprocess.run([sys.executable, "-m", "skimp", "info"], capture_output=True, text=True)
    line = next(line for line in done.stdout.splitlines() if line.startswith("cuda "))
    assert "runtime" in line and "driver" in line and "device 0" in line
