"""cub::DeviceTopK beside the bench's other rows: found, compiled, and called as it wants to be."""

import ctypes

import numpy as np
import pytest
from skimp.bench.codecs import device_topk
from skimp.bench.codecs.device_topk import HEADER


@pytest.fixture(autouse=True)
def forget():
    compile = device_topk.library
    compile.cache_clear()
    yield
    compile.cache_clear()


def test_it_compiles():
    if device_topk.tools() is None:
        pytest.skip("no nvcc, or no CUB that has it: pip install nvidia-cuda-cccl")
    assert device_topk.library("sm_90").skimp_bench_device_topk


def test_no_row_without_nvcc(monkeypatch):
    monkeypatch.setattr(device_topk.shutil, "which", lambda *a, **k: None)
    assert device_topk.baselines(None, None, None, 1) == []


def test_where_the_header_is(tmp_path, monkeypatch):
    """The package's comes first: that beside nvcc may be older."""
    places = ["site/nvidia/cu13/include/cccl", "toolkit/include/cccl"]
    for place in places:
        (tmp_path / place / HEADER).parent.mkdir(parents=True)
        (tmp_path / place / HEADER).touch()
    about = tmp_path / "site/nvidia_cuda_cccl-13.2.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: nvidia-cuda-cccl\nVersion: 13.2\n"
    )
    (about / "RECORD").write_text(f"nvidia/cu13/include/cccl/{HEADER},,\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    found = list(device_topk._includes(tmp_path / "toolkit/bin/nvcc"))
    assert found == [tmp_path / place for place in places]


def test_what_does_not_compile_is_said(tmp_path, monkeypatch, capsys):
    (tmp_path / "bin").mkdir()
    nvcc = tmp_path / "bin/nvcc"
    nvcc.write_text("#!/bin/sh\necho no such architecture >&2; exit 1\n")
    nvcc.chmod(0o755)
    (tmp_path / "include" / HEADER).parent.mkdir(parents=True)
    (tmp_path / "include" / HEADER).touch()
    monkeypatch.setattr(device_topk.shutil, "which", lambda *a, **k: str(nvcc))
    assert device_topk.library("native") is None
    assert "no cub::DeviceTopK: nvcc: no such architecture" in capsys.readouterr().err


class StandIn:
    """Does on the host what device_topk.cu says of its function."""

    def skimp_bench_device_topk(self, workspace, size, x, count, magnitudes, indices, k, stream):
        if workspace.value is None:
            size._obj.value = 100
            return 0
        x, chosen, kept = (
            np.ctypeslib.as_array(ctypes.cast(pointer, ctypes.POINTER(kind)), (length.value,))
            for pointer, kind, length in (
                (x, ctypes.c_float, count),
                (indices, ctypes.c_int32, k),
                (magnitudes, ctypes.c_float, k),
            )
        )
        chosen[:] = np.argsort(-np.abs(x))[: k.value]
        kept[:] = np.abs(x[chosen])
        return 0


def test_rows(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(device_topk, "library", lambda architecture: StandIn())
    x = torch.tensor([1.0, -5.0, 2.0, 4.0])
    residual = torch.tensor([0.0, 0.0, 9.0, 0.0])
    select, chain = device_topk.baselines(torch, x, residual, 2)
    assert (select.label, chain.label) == ("  cub::DeviceTopK", "  cub top-k chain")
    assert select.encode().tolist() == [1, 3]
    values, indices = chain.encode()
    assert (values.tolist(), indices.tolist()) == ([11.0, -5.0], [2, 1])
    assert residual.tolist() == [1, 0, 0, 4]
    assert select.payload_bytes == chain.payload_bytes == 16


def test_errors_of_cuda(monkeypatch):
    torch = pytest.importorskip("torch")
    failing = type("Failing", (), {"skimp_bench_device_topk": lambda self, *arguments: 2})
    with pytest.raises(RuntimeError, match="CUDA error 2"):
        device_topk.Selection(failing(), torch, torch.zeros(4), 2)
