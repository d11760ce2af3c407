"""`bench codec`: speeds beside a copy, and what else there is."""

import pytest
from skimp.bench import main
from skimp.bench.codecs import Row
from skimp.bench.options import CODECS

from tests.bench.command import QUICK, bench


def test_rows(tmp_path):
    status, document = bench(tmp_path, "codec")
    assert (status, document["wrong"]) == (0, 0)
    rows = {row["codec"]: row for row in document["rows"]}
    assert set(rows) >= {"memcpy", "e += g", *CODECS, "  numpy packbits", "  numpy argpartition"}
    assert all(set(row) == set(Row.__dataclass_fields__) for row in document["rows"])
    for codec in CODECS:
        row = rows[codec]
        assert row["wrong"] == 0
        assert row["ratio"] == pytest.approx(row["size"] / row["payload"])
        for phase in (row["encode"], row["decode"]):
            assert phase["bandwidth"] == pytest.approx(row["size"] / phase["time_us"] / 1e3)
    assert rows["memcpy"]["encode"]["vs_memcpy"] == 1
    assert rows["identity"]["error"] == 0
    assert rows["quantize(bits=8)"]["error"] < rows["quantize(bits=4)"]["error"] < 0.5


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
@pytest.mark.parametrize("feedback", ["--feedback", "--no-feedback"])
def test_element_types(dtype, feedback, tmp_path):
    pytest.importorskip("ml_dtypes")
    status, document = bench(tmp_path, "codec", "-d", dtype, feedback)
    assert (status, document["wrong"]) == (0, 0)


def test_table(capsys):
    assert main(["codec", *QUICK]) == 0
    assert all(len(line) <= 110 for line in capsys.readouterr().out.splitlines())
