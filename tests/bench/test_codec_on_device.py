"""`bench codec --device cuda`, on the emulated device: what it verifies and how it counts. Its
times mean nothing there."""

import json
import re

import numpy as np
import pytest
import skimp
from skimp import _calls
from skimp.bench import device, main
from skimp.bench.codecs import lowrank, sign, topk

from tests.bench.command import QUICK, bench
from tests.cuda.emulation import ON_GPU, Closed, Stream, queue_copy, run, use_library

pytestmark = pytest.mark.skipif(ON_GPU, reason="the emulated device's memory")

CODECS = ("identity", "sign", "quantize(bits=8)", "topk(density=0.01)", "lowrank(rank=4)")
OPTIONS = ("--device", "cuda", *(word for codec in CODECS for word in ("-c", codec)))


class EmulatedDevice:
    name, index, stream, torch = "Emulated GPU", 0, 0, None

    def empty(self, nbytes):
        return Closed((max(nbytes, 1),), np.uint8)

    def write(self, memory, values):
        queue_copy(0, memory.address, values.ctypes.data, values.nbytes)
        self.wait()

    def read(self, memory, nbytes):
        values = np.empty(nbytes, np.uint8)
        queue_copy(0, values.ctypes.data, memory.address, nbytes)
        self.wait()
        return values

    def copy(self, to, source, nbytes):
        queue_copy(0, to.address, source.address, nbytes)

    def wait(self):
        run("skimp_cuda_wait", Stream())


@pytest.fixture
def emulated(monkeypatch):
    use_library()
    monkeypatch.setattr(device, "opened", lambda kind: EmulatedDevice())


def rows_of(document):
    return {row["codec"]: row for row in document["rows"]}


def test_rows(tmp_path, emulated):
    status, document = bench(tmp_path, "codec", *OPTIONS, "--commit", "abc")
    assert (status, document["wrong"]) == (0, 0)
    assert (document["device"], document["options"]["commit"]) == ("Emulated GPU", "abc")
    assert document["command"].startswith("python -m skimp bench codec ")
    rows = rows_of(document)
    assert list(rows) == ["memcpy", *CODECS]
    roof = rows["memcpy"]["encode"]
    assert (roof["moved"], roof["of_copy"], rows["memcpy"]["decode"]) == (8192, 1, None)
    for codec in CODECS:
        row = rows[codec]
        assert (row["wrong"], row["isa"]) == (0, None)
        for phase in ("encode", "decode", "add"):
            speed = row[phase]
            assert speed["bandwidth"] == pytest.approx(4096 / speed["time_us"] / 1e3)
            assert speed["vs_accumulate"] is None
            if speed["moved"] is None:
                assert (codec, phase) == ("topk(density=0.01)", "add")
            else:
                assert speed["of_copy"] == pytest.approx(speed["moved"] / 8192 * speed["vs_memcpy"])


@pytest.mark.parametrize(
    ("options", "moved"),
    [
        ((), {"sign": (3, 1, 2), "lowrank(rank=4)": (6, 1, 2)}),
        (("--no-feedback",), {"sign": (1, 1, 2), "lowrank(rank=4)": (2, 1, 2)}),
        (("-d", "float16"), {"sign": (5, 1, 4), "lowrank(rank=4)": (11, 1, 4)}),
    ],
)
def test_bytes_that_must_move(options, moved, tmp_path, emulated):
    """Beside the payload, in arrays of the input's size."""
    _, document = bench(tmp_path, "codec", *OPTIONS, *options)
    rows = rows_of(document)
    for codec, sizes in moved.items():
        row = rows[codec]
        found = [row[phase]["moved"] - row["payload"] for phase in ("encode", "decode", "add")]
        assert found == [size * row["size"] for size in sizes]


@pytest.mark.parametrize("options", [("--in-place",), ("-d", "float64"), ("-d", "float16")])
def test_nothing_is_wrong(options, tmp_path, emulated):
    status, document = bench(tmp_path, "codec", *OPTIONS, *options)
    assert (status, document["wrong"]) == (0, 0)
    assert rows_of(document)["identity"]["error"] == 0


def test_random_numbers_are_the_same(tmp_path, emulated):
    codec = "quantize(bits=4,rounding=stochastic,seed=5)"
    status, document = bench(tmp_path, "codec", "--device", "cuda", "-c", codec)
    assert (status, document["wrong"]) == (0, 0)


def test_other_bytes_than_the_hosts_are_wrong(tmp_path, emulated, monkeypatch):
    """Though nothing is lost."""
    encode = skimp.Sign.encode

    def on_host(codec, x, residual=None):
        frame = bytearray(encode(codec, x, residual))
        frame[-1] ^= 1
        return bytes(frame)

    monkeypatch.setattr(skimp.Sign, "encode", on_host)
    status, document = bench(tmp_path, "codec", "--device", "cuda", "-c", "sign")
    assert (status, document["wrong"]) == (1, 2)  # in the first call and the last


def test_what_is_not_decoded_is_wrong(tmp_path, emulated, monkeypatch):
    monkeypatch.setattr(_calls, "queue_decode", lambda *arguments: None)
    status, document = bench(tmp_path, "codec", "--device", "cuda", "-c", "identity")
    assert (status, document["wrong"]) == (1, 2 * 1024)


def test_the_table(tmp_path, emulated, capsys):
    assert main(["codec", *QUICK, *OPTIONS]) == 0
    output = capsys.readouterr().out
    assert "Emulated GPU" in output.splitlines()[0]
    assert all(len(line) <= 110 for line in output.splitlines())


def test_a_folder_for_results(tmp_path, emulated):
    assert main(["codec", *QUICK, *OPTIONS, "--json", str(tmp_path)]) == 0
    (file,) = tmp_path.iterdir()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d-emulated-gpu-codec\.json", file.name)
    assert json.loads(file.read_text())["wrong"] == 0


def test_instruction_sets_are_the_hosts(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["codec", *QUICK, "--device", "cuda", "--isa", "all"])
    assert stop.value.code == 2
    assert "--isa is for kernels of the host" in capsys.readouterr().err


def test_codecs_without_kernels(capsys, emulated):
    assert main(["codec", *QUICK, "--device", "cuda", "-c", "natural"]) == 2
    assert "has no kernels for arrays on a device" in capsys.readouterr().err


def test_without_a_gpu(capsys):
    if _has_cuda():
        pytest.skip("there is one")
    assert main(["codec", *QUICK, "--device", "cuda"]) == 2
    assert "skimp bench: RuntimeError: --device cuda" in capsys.readouterr().err


def _has_cuda():
    try:
        import torch
    except ImportError:
        return False
    return torch.cuda.is_available()


BASELINES = {
    "sign": (sign, 1),
    "topk(k=10)": (topk, 2),
    "lowrank(rank=2,shapes=30x34)": (lowrank, 1),
}


@pytest.mark.parametrize("text", BASELINES)
def test_baselines(text):
    """The same code on tensors of the host: what it sends is about as much as the codec does."""
    torch = pytest.importorskip("torch")
    module, least = BASELINES[text]
    x = np.random.default_rng(1).standard_normal(1020, np.float32)
    found = module.baselines_in_torch(skimp.codec(text), x, torch, torch.from_numpy(x))
    assert len(found) >= least
    for each in found:
        each.encode()
        if each.decode:
            each.decode()
        assert 0 < each.payload_bytes < x.nbytes
