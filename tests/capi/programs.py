"""C++ programs of the tests: compiled as a user would, against the installed package, and run."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def run_program(source: str, folder: Path) -> None:
    """Its exit status must be 0."""
    compiler = shutil.which("c++") or pytest.skip("no c++")
    flags = subprocess.run(
        [sys.executable, "-m", "skimp", "--cflags", "--libs"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    (folder / "program.cpp").write_text(source)
    warnings = ("-Wall", "-Wextra", "-Werror")
    built = folder / "program"
    subprocess.run(
        [
            compiler,
            "-std=c++20",
            *warnings,
            folder / "program.cpp",
            *flags,
            "-lpthread",
            "-o",
            built,
        ],
        check=True,
    )
    subprocess.run([built], check=True)
