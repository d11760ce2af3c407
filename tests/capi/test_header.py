"""skimp.h, with what it includes, and the library that lies beside it say the same."""

import ctypes
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import skimp
from skimp import errors, paths

FOLDER = paths.INCLUDE / "skimp"
HEADERS = sorted(path.name for path in FOLDER.glob("*.h*") if path.name != "mpi.h")
HEADER = "".join((FOLDER / name).read_text("utf-8") for name in HEADERS if name.endswith(".h"))
DECLARED = set(re.findall(r"\b(skimp_\w+)\(", "".join(re.findall(r"SKIMP_API[^;]*;", HEADER))))
WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror"]


def compile_only(compiler: str, *arguments, source: str | None = None) -> None:
    path = shutil.which(compiler) or pytest.skip(f"no {compiler}")
    done = subprocess.run(
        [path, *WARNINGS, f"-I{paths.INCLUDE}", "-fsyntax-only", *map(str, arguments)],
        input=source,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_what_is_declared_is_exported_and_nothing_else():
    library = ctypes.CDLL(str(paths.LIBRARY))
    assert len(DECLARED) > 30
    assert not [name for name in DECLARED if not hasattr(library, name)]
    nm = shutil.which("nm") or pytest.skip("no nm to list what else is exported")
    listed = subprocess.run(
        [nm, "--dynamic", "--defined-only", paths.LIBRARY],
        capture_output=True,
        text=True,
        check=True,
    )
    # Weak symbols (V, W) are those of the C++ library, which every shared object has.
    exported = set(re.findall(r" [TDB] (\w+)", listed.stdout))
    assert exported == DECLARED


def test_versions_agree():
    library = ctypes.CDLL(str(paths.LIBRARY))
    library.skimp_version.restype = ctypes.c_char_p
    numbers = [
        re.search(rf"#define SKIMP_VERSION_{part} (\d+)", HEADER)[1]
        for part in ("MAJOR", "MINOR", "PATCH")
    ]
    text = re.search(r'#define SKIMP_VERSION "(.*)"', HEADER)[1]
    assert text == ".".join(numbers) == skimp.__version__ == library.skimp_version().decode()


def test_python_knows_each_status():
    enum = HEADER.split("enum skimp_status")[1].split("} skimp_status")[0]
    statuses = dict(re.findall(r"(SKIMP_\w+) = (\d+)[,\s]", enum))
    pinned = {int(value) for value in statuses.values()} - {0}
    assert {error.status for error in errors.Error.__subclasses__()} == pinned


def test_numbers_are_pinned():
    compile_only("cc", "-std=c11", Path(__file__).with_name("pinned.c"))


@pytest.mark.parametrize("language", ["c -std=c99", "c -std=c11", "c++ -std=c++11"])
def test_header_compiles_without_warnings(language):
    source = "#include <skimp/skimp.h>\nskimp_options options = SKIMP_OPTIONS_INIT;\n"
    compile_only("cc" if language.startswith("c ") else "c++", "-x", *language.split(), "-",
                 source=source)  # fmt: skip


def test_skimp_h_brings_all_others():
    included = set(
        re.findall(r'#include "skimp/(\w+\.h)"', (FOLDER / "skimp.h").read_text("utf-8"))
    )
    assert {name for name in HEADERS if name.endswith(".h")} == included | {"skimp.h"}


@pytest.mark.parametrize("name", HEADERS)
def test_each_header_stands_alone(name):
    language = "c" if name.endswith(".h") else "c++"
    standard = {"c": "c99", "c++": "c++20"}[language]
    source = f"#include <skimp/{name}>\nextern int unused;\n"
    compile_only("cc" if language == "c" else "c++", "-x", language, f"-std={standard}", "-",
                 source=source)  # fmt: skip
