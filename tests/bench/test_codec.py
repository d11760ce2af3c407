"""`bench codec`: speeds beside a copy, and what else there is."""

import numpy as np
import pytest
import skimp
from skimp import _objects
from skimp.bench import isa, main
from skimp.bench.codecs import Row
from skimp.bench.codecs.baseline import room_for_copy
from skimp.bench.codecs.subject import Subject
from skimp.bench.options import CODECS

from tests.bench.command import QUICK, bench


def test_rows(tmp_path):
    status, document = bench(tmp_path, "codec")
    assert (status, document["wrong"]) == (0, 0)
    rows = {row["codec"]: row for row in document["rows"]}
    assert list(rows)[:4] == ["memcpy", "e += g", "c = a + b", "read"]
    assert set(rows) >= {*CODECS, "  numpy packbits", "  numpy argpartition"}
    assert all(set(row) == set(Row.__dataclass_fields__) for row in document["rows"])
    for codec in CODECS:
        row = rows[codec]
        assert row["wrong"] == 0
        assert row["isa"] == _objects.isa()
        assert row["ratio"] == pytest.approx(row["size"] / row["payload"])
        for phase in (row["encode"], row["decode"]):
            assert phase["bandwidth"] == pytest.approx(row["size"] / phase["time_us"] / 1e3)
    assert rows["memcpy"]["encode"]["vs_memcpy"] == 1
    assert rows["e += g"]["encode"]["vs_accumulate"] == 1
    assert rows["memcpy"]["isa"] is None
    assert rows["identity"]["error"] == 0
    assert rows["quantize(bits=8)"]["error"] < rows["quantize(bits=4)"]["error"] < 0.5


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
@pytest.mark.parametrize("feedback", ["--feedback", "--no-feedback"])
def test_element_types(dtype, feedback, tmp_path):
    pytest.importorskip("ml_dtypes")
    status, document = bench(tmp_path, "codec", "-d", dtype, feedback)
    assert (status, document["wrong"]) == (0, 0)


@pytest.mark.parametrize("count", [1, 1000, 100_000])
def test_a_copy_room_for_copy_its_source(count):
    """Its speed depends on it."""
    x = np.arange(count + 5, dtype=np.float32)[5:]
    copy = room_for_copy(x)
    assert (copy.dtype, copy.shape) == (x.dtype, x.shape)
    assert copy.ctypes.data % 4096 == x.ctypes.data % 4096


def test_instruction_sets(tmp_path, monkeypatch):
    """Every codec once with each, verified with each; the one in use before is again, after."""
    verified = []
    verify = Subject.verify

    def spy(subject):
        verdict = verify(subject)
        verified.append((subject.label, subject.isa, _objects.isa()))
        return verdict

    monkeypatch.setattr(Subject, "verify", spy)
    before = _objects.isa()
    status, document = bench(tmp_path, "codec", "-c", "sign", "-c", "identity", "--isa", "all")
    assert (status, document["wrong"]) == (0, 0)
    ran = [(row["codec"], row["isa"]) for row in document["rows"] if row["isa"]]
    assert ran == [(codec, name) for codec in ("sign", "identity") for name in isa.names()]
    assert verified == 2 * [(codec, name, name) for codec, name in ran]
    assert _objects.isa() == before


def test_turns_use_their_instruction_set(tmp_path, monkeypatch):
    used = set()
    encode = Subject.encode

    def spy(subject):
        used.add((subject.isa, _objects.isa()))
        encode(subject)

    monkeypatch.setattr(Subject, "encode", spy)
    bench(tmp_path, "codec", "-c", "sign", "--isa", "all")
    assert used == {(name, name) for name in isa.names()}


def test_instruction_sets_are_labelled(capsys):
    assert main(["codec", *QUICK, "-c", "sign", "--isa", "scalar"]) == 0
    assert "\n  sign [scalar] " in capsys.readouterr().out


def test_in_place(tmp_path, monkeypatch):
    made = []
    make = skimp.Residual

    def spy(*arguments, **options):
        made.append(options)
        return make(*arguments, **options)

    monkeypatch.setattr(skimp, "Residual", spy)
    status, document = bench(tmp_path, "codec", "--in-place")
    assert (status, document["wrong"]) == (0, 0)
    assert made == len(CODECS) * [{"in_place": True}]


def test_table(capsys):
    assert main(["codec", *QUICK]) == 0
    assert all(len(line) <= 110 for line in capsys.readouterr().out.splitlines())
