"""A file includes its own layer and those below: the graph is drawn from the #include lines.

`cuda/<layer>/x.cu` implements what `src/<layer>/x` declares, so it is of that layer; nothing in src
knows it. `cuda/emulation` stands in for CUDA's own headers: cuda/device alone knows it, and it
knows nothing of Skimp. Includes are written from the root of their tree: "codecs/frame.h",
"skimp/skimp.h".
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# What each layer may use beside itself. `skimp` is the public headers: everyone's, and they ship
# without the rest.
BELOW = {"skimp": ()}
BELOW["base"] = ("skimp",)
BELOW["device"] = ("base", *BELOW["base"])
BELOW["codecs"] = BELOW["transports"] = ("device", *BELOW["device"])
BELOW["collectives"] = ("codecs", "transports", *BELOW["codecs"])
BELOW["feedback"] = BELOW["model"] = ("collectives", *BELOW["collectives"])
BELOW["emulation"] = ()
BELOW["capi"] = ("feedback", "model", *BELOW["feedback"])

# Layers whose sub-folders are one codec or one transport each, and who may know a concrete one
# beside its own files: the table of codecs, and the C ABI, which opens transports.
KNOWS_CONCRETE = {"codecs": "codecs/registry", "transports": "capi"}


def broken_rule(file: str, include: str) -> str | None:
    """Says which rule `file`, a path in src or cuda, breaks by `include`; None if none."""
    tree, place = file.removesuffix(Path(file).suffix).split("/", 1)
    place = place.removeprefix("include/") + "/"
    layer = place.split("/")[0]

    if include.startswith("cuda/") and tree != "cuda":
        return "nothing in src knows cuda"
    target, *rest = include.removeprefix("cuda/").split("/")
    if target == "emulation" and (tree, layer) in (("cuda", "device"), ("cuda", "emulation")):
        return None
    if target not in BELOW:
        return f"an include begins with one of {', '.join(BELOW)}"
    if target not in (layer, *BELOW[layer]):
        return f"{layer} may use only {', '.join(BELOW[layer]) or 'itself'}"
    if target in KNOWS_CONCRETE and len(rest) > 1:
        concrete, knows = f"{target}/{rest[0]}", KNOWS_CONCRETE[target]
        if not place.startswith((f"{concrete}/", f"{knows}/")):
            return f"only {concrete} and {knows} may know {concrete}"
    return None


def includes_of(path: Path) -> list[str]:
    return re.findall(r'^\s*#\s*include\s*"([^"]+)"', path.read_text("utf-8"), re.MULTILINE)


def test_files_include_their_own_layer_and_those_below():
    files = [path for tree in ("src", "cuda") for path in (ROOT / tree).rglob("*") if path.suffix]
    assert files, f"no sources below {ROOT}"
    broken = []
    for path in sorted(files):
        file = path.relative_to(ROOT).as_posix()
        for include in includes_of(path):
            if rule := broken_rule(file, include):
                broken.append(f"{file} includes {include}: {rule}")
    assert not broken, "\n" + "\n".join(broken)


@pytest.mark.parametrize(
    ("file", "include"),
    [
        ("src/base/half.h", "skimp/skimp.h"),
        ("src/include/skimp/mpi.h", "skimp/skimp.h"),
        ("src/collectives/two_phase.cc", "codecs/codec.h"),
        ("src/codecs/sign/sign.cc", "codecs/sign/block.h"),
        ("src/codecs/registry.cc", "codecs/sign/sign.h"),
        ("src/capi/communicator.cc", "transports/threads/threads.h"),
        ("cuda/codecs/topk.cu", "codecs/topk/topk.h"),
        ("cuda/codecs/topk.cu", "cuda/device/launch.cuh"),
        ("cuda/device/runtime.cuh", "cuda/emulation/cuda_runtime.h"),
        ("cuda/emulation/cuda_runtime.h", "cuda/emulation/fibers.h"),
    ],
)
def test_what_the_rule_allows(file: str, include: str):
    assert broken_rule(file, include) is None


@pytest.mark.parametrize(
    ("file", "include", "rule"),
    [
        ("src/base/half.h", "device/buffer.h", "base may use only skimp"),
        ("src/include/skimp/mpi.h", "base/error.h", "skimp may use only itself"),
        (
            "src/codecs/frame.cc",
            "transports/transport.h",
            "codecs may use only device, base, skimp",
        ),
        ("src/codecs/frame.cc", "frame.h", f"an include begins with one of {', '.join(BELOW)}"),
        (
            "src/codecs/topk/topk.cc",
            "codecs/sign/sign.h",
            "only codecs/sign and codecs/registry may know codecs/sign",
        ),
        (
            "src/collectives/gather.cc",
            "transports/mpi/mpi.h",
            "only transports/mpi and capi may know transports/mpi",
        ),
        ("src/device/buffer.cc", "cuda/device/buffer.cuh", "nothing in src knows cuda"),
        (
            "cuda/codecs/sign.cu",
            "cuda/emulation/cuda_runtime.h",
            "codecs may use only device, base, skimp",
        ),
        ("cuda/emulation/fibers.h", "base/error.h", "emulation may use only itself"),
        (
            "cuda/codecs/sign.cu",
            "codecs/topk/topk.h",
            "only codecs/topk and codecs/registry may know codecs/topk",
        ),
    ],
)
def test_what_the_rule_forbids(file: str, include: str, rule: str):
    assert broken_rule(file, include) == rule
