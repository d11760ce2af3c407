"""What `python -m skimp` answers."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import skimp
from skimp import _objects
from skimp.report import Report

ROOT = Path(__file__).parents[2]


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "skimp", *arguments], capture_output=True, text=True, check=False
    )


def test_info():
    printed = command("info").stdout
    lines = dict(line.split(maxsplit=1) for line in printed.splitlines())
    assert lines["skimp"] == skimp.__version__
    assert Path(lines["library"]).is_file()
    assert lines["codecs"].split() == skimp.codec_names()
    assert _objects.isa() in lines["processor"]
    assert {"mpi", "cuda", "nccl", "numpy", "torch", "ml_dtypes", "python"} <= set(lines)


def test_flags_name_what_is_there():
    include = command("--cflags").stdout.strip().removeprefix("-I")
    assert (Path(include) / "skimp" / "skimp.h").is_file()
    found = re.fullmatch(r"-L(\S+) -Wl,-rpath,(\S+) -lskimp\n", command("--libs").stdout)
    assert found
    assert found[1] == found[2]
    assert (Path(found[1]) / "libskimp.so").is_file()
    assert (Path(command("--cmakedir").stdout.strip()) / "skimp-config.cmake").is_file()
    both = command("--cflags", "--libs").stdout
    assert "-I" in both
    assert "-lskimp" in both


def test_version_is_that_of_the_header():
    header = (ROOT / "src/include/skimp/skimp.h").read_text(encoding="utf-8")
    assert command("--version").stdout.strip() == skimp.__version__
    assert f'#define SKIMP_VERSION "{skimp.__version__}"' in header


@pytest.mark.parametrize("arguments", [(), ("--nothing",), ("info", "more")])
def test_what_is_not_known(arguments):
    answer = command(*arguments)
    assert answer.returncode == 2
    assert "python -m skimp info" in answer.stderr


def test_codec_names_have_classes():
    for name in skimp.codec_names():
        assert name in skimp.Codec._classes


def test_report_has_the_fields_of_the_c_struct():
    header = (ROOT / "src/include/skimp/skimp.h").read_text(encoding="utf-8")
    struct = re.search(r"struct skimp_report \{(.*?)\};", header, re.DOTALL)
    fields = re.findall(r"(\w+)(?:\[32\])?;", re.sub(r"(?s)/\*.*?\*/", "", struct[1]))
    assert list(Report.__dataclass_fields__) == fields[1:]
