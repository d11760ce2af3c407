"""Checks that this machine can build Skimp; names what is missing and how to get it.

Runs under the system's Python before anything is installed, so it has only the standard library,
and in syntax that Python 3.6 reads: an old one must get the message, not a SyntaxError.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile

OLDEST_PYTHON = (3, 10)
THIS_PYTHON = f"python{sys.version_info[0]}.{sys.version_info[1]}"

# Parts of C++20 that Skimp uses and that compilers were late to learn.
PROGRAM = """
#include <bit>
#include <concepts>
#include <span>
template <std::floating_point T> unsigned bits(std::span<const T> x) {
  return std::bit_cast<unsigned>(x[0]);
}
int main() { const float one[] = {1.0f}; return bits<float>(one) == 0x3f800000u ? 0 : 1; }
"""


class Missing(Exception):
    """What Skimp needs, then ways to get it, one a line."""


def check_python():
    if sys.version_info >= OLDEST_PYTHON:
        return
    names = [f"python3.{minor}" for minor in range(30, OLDEST_PYTHON[1] - 1, -1)]
    newer = next(filter(shutil.which, names), None)
    raise Missing(
        f"Python 3.10 or newer; {sys.executable} is {sys.version.split()[0]}",
        *(
            [f"found one: make PYTHON={newer} ..."]
            if newer
            else ["Debian, Fedora: a newer release", "conda: conda install 'python>=3.10'"]
        ),
    )


def check_compiler():
    names = [os.environ["CXX"]] if os.environ.get("CXX") else ["c++", "g++", "clang++"]
    compiler = next((name.split() for name in names if shutil.which(name.split()[0])), None)
    remedies = [
        "Debian: apt install g++",
        "Fedora: dnf install gcc-c++",
        "conda: conda install -c conda-forge gxx",
        "another compiler on this machine: make CXX=... ...",
    ]
    if compiler is None:
        raise Missing(f"a C++20 compiler; there is no {' or '.join(names)}", *remedies)
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "program.cc")
        with open(source, "w") as file:
            file.write(PROGRAM)
        result = subprocess.run(
            compiler + ["-std=c++20", source, "-o", os.path.join(folder, "program")],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    if result.returncode != 0:
        said = result.stdout.decode("utf-8", "replace").splitlines()[0:1]
        raise Missing(f"a C++20 compiler; {' '.join(compiler)} says: {''.join(said)}", *remedies)


def check_python_headers():
    header = os.path.join(sysconfig.get_paths()["include"], "Python.h")
    if not os.path.exists(header):
        raise Missing(
            f"Python's headers; there is no {header}",
            f"Debian: apt install {THIS_PYTHON}-dev",
            "Fedora: dnf install python3-devel",
            "conda, no root: its python brings them: make PYTHON=$CONDA_PREFIX/bin/python3 ...",
        )


def check_venv(environment):
    if os.path.exists(os.path.join(environment, "bin", "python")):
        return  # made already, perhaps by other means
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError as error:
        raise Missing(
            f"Python's venv and ensurepip; {error}",
            f"Debian: apt install {THIS_PYTHON}-venv",
            f"no root: python3 -m pip install --user virtualenv && virtualenv {environment}",
        ) from None


def missing(check, *arguments):
    """What the check finds missing, as a list of one or none."""
    try:
        check(*arguments)
    except Missing as error:
        return [error]
    return []


def main(environment):
    # An old Python is told alone: the rest would be asked about the wrong one.
    found = missing(check_python) or [
        *missing(check_compiler),
        *missing(check_python_headers),
        *missing(check_venv, environment),
    ]
    for error in found:
        what, *remedies = error.args
        print(f"Skimp needs {what}", *remedies, sep="\n    ", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
