"""Decoders against damaged and hostile frames, under the address and undefined sanitizers.

decode_fuzz.cc says what is tried. It is compiled here together with the codecs, apart from the
library, into build/fuzz, and reused while no source has changed.
"""

import hashlib
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "fuzz"
FLAGS = [
    "-std=c++20",
    "-O0",  # compiles ten times as fast, and runs a third as fast
    "-g1",
    "-ffp-contract=off",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
    f"-I{ROOT}",
    f"-I{ROOT / 'src'}",
    f"-I{ROOT / 'src' / 'include'}",
]


def compiler_run(arguments):
    command = [os.environ.get("CXX", "g++"), *FLAGS, *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, f"{' '.join(command)}\n{result.stderr}"


@pytest.fixture(scope="module")
def decode_fuzz():
    """The path of the compiled program; its name holds the digest of what it is made of."""
    layers = [ROOT / "src" / layer for layer in ("base", "device", "codecs", "include")]
    inputs = sorted(path for layer in layers for path in layer.rglob("*.[hc]*"))
    fuzz = ROOT / "tests" / "fuzz"
    inputs += [fuzz / name for name in ("decode_fuzz.cc", "decoding.h", "handmade_frames.h")]
    digest = hashlib.sha256(repr(FLAGS).encode())
    for path in inputs:
        digest.update(path.read_bytes())
    program = BUILD / f"decode_fuzz-{digest.hexdigest()[:16]}"
    if program.exists():
        return program
    BUILD.mkdir(parents=True, exist_ok=True)
    for stale in BUILD.iterdir():
        stale.unlink()
    sources = [path for path in inputs if path.suffix == ".cc"]
    objects = [BUILD / f"{path.parent.name}-{path.stem}.o" for path in sources]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [["-c", source, "-o", o] for source, o in zip(sources, objects, strict=True)]
        list(pool.map(compiler_run, jobs))
    compiler_run([*objects, "-o", program])
    return program


def fuzz(program, seed, iterations):
    command = [program, str(seed), str(iterations)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, f"seed {seed}:\n{result.stdout}{result.stderr[-4000:]}"
    return result.stdout


def test_damaged_frames_are_decoded_or_refused(decode_fuzz):
    output = fuzz(decode_fuzz, seed=1, iterations=200_000)
    decoded = int(output.split(": ")[1].split()[0])
    assert 10_000 < decoded < 190_000, "the fuzzer no longer reaches the decoders"


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(2, 7))
def test_many_damaged_frames_are_decoded_or_refused(decode_fuzz, seed):
    fuzz(decode_fuzz, seed, iterations=2_000_000)
