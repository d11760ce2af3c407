"""What pyproject.toml cannot say: the version, where packages lie, and that CMake builds the rest.

The build folder is kept, so the second `pip install --no-build-isolation .` compiles only what
changed. Options for CMake go into the environment: CMAKE_ARGS="-DSKIMP_SANITIZE=address".
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import ninja
import pybind11
from setuptools import Extension, find_packages, setup
from setuptools.command.build import build
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).parent.resolve()


def version() -> str:
    header = (ROOT / "src/include/skimp/skimp.h").read_text(encoding="utf-8")
    return re.search(r'#define SKIMP_VERSION "(.*)"', header).group(1)


def packages_below(package: str, folder: str) -> list[str]:
    return [package, *(f"{package}.{name}" for name in find_packages(folder))]


def cmake(*arguments) -> None:
    if subprocess.call([sys.executable, "-m", "cmake", *map(str, arguments)]):
        sys.exit("CMake failed: see above")  # its words, not our traceback, are what helps


class CleanBuild(build):
    """Collects the package anew each time: a module deleted from the sources leaves the wheel."""

    def run(self):
        shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()


class CMakeBuild(build_ext):
    """Builds all extensions at once, and installs them, the library and its headers."""

    def run(self):
        package = Path(self.get_ext_fullpath("skimp._objects")).parent.resolve()
        folder = ROOT / "build" / f"cmake-{sys.implementation.cache_tag}"
        # The options are those of this call alone, and the tools may have moved (an isolated build
        # has a new folder every time). Objects are kept: that is where the time goes.
        (folder / "CMakeCache.txt").unlink(missing_ok=True)
        options = {
            "SKIMP_PYTHON": "ON",
            "CMAKE_MAKE_PROGRAM": Path(ninja.BIN_DIR) / "ninja",
            "Python_EXECUTABLE": sys.executable,
            "pybind11_DIR": pybind11.get_cmake_dir(),
        }
        defines = [f"-D{name}={value}" for name, value in options.items()]
        defines += shlex.split(os.environ.get("CMAKE_ARGS", ""))
        cmake("-G", "Ninja", "-S", ROOT, "-B", folder, *defines)
        cmake("--build", folder)
        cmake("--install", folder, "--prefix", package)


setup(
    version=version(),
    packages=packages_below("skimp", "bindings/skimp") + packages_below("skimp.bench", "bench"),
    package_dir={"skimp": "bindings/skimp", "skimp.bench": "bench"},
    # Named for the wheel's platform tag; CMake has their sources.
    ext_modules=[Extension("skimp._objects", []), Extension("skimp._calls", [])],
    cmdclass={"build": CleanBuild, "build_ext": CMakeBuild},
)
