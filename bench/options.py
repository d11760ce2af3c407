"""The options of `python -m skimp bench`: nccl-tests' letters where it has them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import TypeVar

import skimp
from skimp import dtypes
from skimp.bench import data, isa
from skimp.choices import Op

T = TypeVar("T")

COLLECTIVES = ("allreduce", "allgather", "reduce_scatter", "broadcast")
CODECS = (
    "identity",
    "sign",
    "quantize(bits=8)",
    "quantize(bits=4)",
    "topk(density=0.01,values=float16)",
)
UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}

EPILOG = """\
Sizes take K, M and G, powers of 1024. Ranks are threads, or the processes of mpirun:

  python -m skimp bench allreduce -t 4 -c sign -c "topk(density=0.01)"
  mpirun -n 4 python -m skimp bench allreduce -b 64M -e 64M -c sign
  python -m skimp bench codec --device cuda -b 1G -e 1G

The exit status is 1 when #wrong is not 0, and 2 when something failed. bench/README.md derives
every column.
"""


@dataclass(frozen=True)
class Options:
    benchmark: str
    minbytes: int
    maxbytes: int | None
    stepfactor: float
    stepbytes: int | None
    iters: int | None
    warmup: int
    datatypes: tuple[str, ...]
    codecs: tuple[str, ...]
    feedback: bool
    data: str
    seed: int
    json: str | None
    ranks: int | None = None
    op: Op = "mean"
    root: int = 0
    algorithm: str | None = None
    broadcast_codec: str | None = None
    segment: int = 262144
    window: int = 4
    threads: int | None = None
    in_place: bool = False
    isas: tuple[str, ...] | None = None
    """None: the one in use."""
    device: str | None = None
    """None: the host."""
    commit: str | None = None

    def sizes(self) -> list[int]:
        """In bytes, from the smallest to the largest."""
        largest = max(self.minbytes, 16 << 20) if self.maxbytes is None else self.maxbytes
        sizes = [min(self.minbytes, largest)]
        while True:
            step = sizes[-1] * self.stepfactor
            following = int(step) if self.stepbytes is None else sizes[-1] + self.stepbytes
            if following > largest:
                return sizes
            sizes.append(following)


def parse(arguments: Sequence[str]) -> Options:
    """Prints what is wrong, and exits with status 2; exits with 0 after --help."""
    parser = _parser()
    given = vars(parser.parse_args(arguments))
    if given.get("device") and given["isas"]:
        parser.error("--isa is for kernels of the host, --device for those of a GPU")
    given["codecs"] = tuple(given["codecs"] or CODECS)
    given["datatypes"] = tuple(dict.fromkeys(given["datatypes"] or ["float32"]))
    if "all" in given["datatypes"]:
        given["datatypes"] = tuple(dtypes.BY_NAME)
    if isas := given.get("isas"):
        given["isas"] = isa.names() if "all" in isas else tuple(dict.fromkeys(isas))
    return Options(
        **{field.name: given[field.name] for field in fields(Options) if field.name in given}
    )


def _parser() -> argparse.ArgumentParser:
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m skimp bench",
        description="Measures collectives and codecs, and verifies every result.",
        epilog=EPILOG,
        formatter_class=layout,
    )
    shared = _shared_options()
    ranks = argparse.ArgumentParser(add_help=False)
    ranks.add_argument(
        "-t",
        "--ranks",
        type=_positive,
        metavar="N",
        help="ranks, as threads (default: 2; under mpirun its processes are the ranks)",
    )
    ranks.add_argument(
        "--algorithm", metavar="NAME", help="of docs/algorithms.md (default: chosen)"
    )
    ranks.add_argument(
        "--segment",
        type=_count,
        default=262144,
        metavar="ELEMENTS",
        help="in which large calls are cut, 0: not at all (default: 262144)",
    )
    ranks.add_argument(
        "--window",
        type=_positive,
        default=4,
        metavar="N",
        help="segments on their way to one peer (default: 4)",
    )
    ranks.add_argument(
        "--threads",
        type=_positive,
        metavar="N",
        help="of each rank, for codecs (default: SKIMP_THREADS, or 1)",
    )
    commands = parser.add_subparsers(dest="benchmark", required=True, metavar="BENCHMARK")
    for name in COLLECTIVES:
        command = commands.add_parser(
            name,
            parents=[shared, ranks],
            help=f"comm.{name}",
            formatter_class=layout,
            epilog=EPILOG,
        )
        if name in ("allreduce", "reduce_scatter"):
            command.add_argument("-o", "--op", choices=("mean", "sum"), default="mean")
        if name == "allreduce":
            command.add_argument("--broadcast-codec", type=_codec, metavar="CODEC")
        if name == "broadcast":
            command.add_argument("-r", "--root", type=int, default=0, metavar="RANK")
    codec = commands.add_parser(
        "codec", parents=[shared], help="encode and decode, on one rank", formatter_class=layout
    )
    codec.set_defaults(ranks=1)
    codec.add_argument(
        "--isa",
        dest="isas",
        action="append",
        choices=(*isa.names(), "all"),
        help="instruction set, a row for each; may be repeated (default: the one in use)",
    )
    codec.add_argument(
        "--in-place",
        action="store_true",
        help="residuals of one buffer (default: two, as an error changes nothing then)",
    )
    codec.add_argument(
        "--device",
        choices=("cuda",),
        help="kernels on a GPU, where arrays and payloads stay; needs torch there, and to compare "
        "with cub::DeviceTopK nvcc and the headers of nvidia-cuda-cccl",
    )
    return parser


def _shared_options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False)
    add = parser.add_argument
    add("-b", "--minbytes", type=_bytes, default=4096, metavar="SIZE", help="default: 4K")
    add("-e", "--maxbytes", type=_bytes, metavar="SIZE", help="default: 16M, or -b if larger")
    add("-f", "--stepfactor", type=_factor, default=16.0, metavar="X", help="default: 16")
    add("-i", "--stepbytes", type=_bytes, metavar="SIZE", help="in place of -f: a fixed step")
    add(
        "-n",
        "--iters",
        type=_positive,
        metavar="N",
        help="interleaved iterations (default: what fits in 5 s, from 5 to 20)",
    )
    add("-w", "--warmup", type=int, default=1, metavar="N", help="default: 1")
    add(
        "-d",
        "--datatype",
        dest="datatypes",
        action="append",
        choices=(*dtypes.BY_NAME, "all"),
        help="may be repeated (default: float32)",
    )
    add(
        "-c",
        "--codec",
        dest="codecs",
        action="append",
        type=_codec,
        metavar="CODEC",
        help=f"may be repeated (default: {', '.join(CODECS)})",
    )
    add(
        "--feedback",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="carry what a call leaves out to the next (default)",
    )
    add("--data", choices=tuple(data.KINDS), default="normal", help="default: normal")
    add("--seed", type=int, default=0, metavar="N", help="of the data (default: 0)")
    add(
        "--json",
        metavar="FILE",
        help="also as JSON; '-' writes it in place of the table; in a folder, a file is named by "
        "date, device and benchmark",
    )
    add("--commit", metavar="ID", help="of the sources, for the JSON")
    return parser


def _readable(convert: Callable[[str], T]) -> Callable[[str], T]:
    """argparse shows the message of no other exception than its own."""

    def converted(text: str) -> T:
        try:
            return convert(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return converted


@_readable
def _bytes(text: str) -> int:
    unit = UNITS.get(text[-1:].upper(), 1)
    number = text[:-1] if unit > 1 else text
    if (size := int(float(number) * unit)) < 1:
        raise ValueError(f"{text} is not a size of at least 1 byte")
    return size


@_readable
def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise ValueError(f"{text} is not at least 1")
    return number


@_readable
def _count(text: str) -> int:
    if (number := int(text)) < 0:
        raise ValueError(f"{text} is negative")
    return number


@_readable
def _factor(text: str) -> float:
    if (factor := float(text)) <= 1:
        raise ValueError(f"{text} is not above 1")
    return factor


@_readable
def _codec(text: str) -> str:
    """The text itself, as the label that its user recognises."""
    skimp.codec(text)
    return text
