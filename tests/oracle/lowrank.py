"""lowrank: matrices as P̂·Qᵀ, one power iteration a step."""

import math
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from tests.oracle.codec import Codec, Corrupt, Draws, left_out
from tests.oracle.dtypes import accumulator, narrow
from tests.oracle.philox import draw

LANES = 32
SPAN_COLUMNS, SPAN_ROWS, SPAN_VALUES = 4096, 512, 256


@dataclass(frozen=True)
class Piece:
    rows: int
    columns: int
    begin: int  # in the array
    factored: bool

    @property
    def end(self) -> int:
        return self.begin + self.rows * self.columns

    def matrix(self, values: np.ndarray) -> np.ndarray:
        return values[self.begin : self.end].reshape(self.rows, self.columns)


@dataclass
class Round:
    """Of one rank: P of each factored matrix, the values of the others, and the Q."""

    p: list[np.ndarray] = field(default_factory=list)
    plain: list[np.ndarray] = field(default_factory=list)
    q: list[np.ndarray] = field(default_factory=list)


@dataclass(frozen=True)
class LowRank(Codec):
    rank: int = 4
    warm_start: str = "yes"
    shapes: str = ""
    id = 6
    random = True
    linear = True
    sliceable = False

    def sizes(self) -> list[tuple[int, int]]:
        pieces = [piece.split("x") for piece in str(self.shapes).split("+")]
        return [(int(piece[0]), int(piece[1]) if len(piece) > 1 else 1) for piece in pieces]

    def pieces(self, sizes: list[tuple[int, int]] | None = None) -> list[Piece]:
        found, begin = [], 0
        for rows, columns in sizes if sizes is not None else self.sizes():
            factored = self.rank * (rows + columns) < rows * columns
            found.append(Piece(rows, columns, begin, factored))
            begin = found[-1].end
        return found

    def factored(self) -> list[Piece]:
        return [piece for piece in self.pieces() if piece.factored]

    def memory_count(self) -> int:
        return sum(self.rank * piece.columns for piece in self.factored())

    def parameter(self, count: int) -> int:
        return self.rank

    def payload_bytes(self, count: int, dtype: np.dtype) -> int:
        return payload_bytes(self.rank, self.pieces(), accumulator(dtype))

    def contraction(self, count: int) -> float:
        return 0.0

    def nonfinite(self, values: np.ndarray) -> bool:
        payload = self.payload(values, values.dtype, Draws())
        begin = 8 + 16 * len(self.pieces())
        return not np.isfinite(np.frombuffer(payload[begin:], values.dtype)).all()

    # ---- The steps ----

    def linear_sum(
        self, values: list[np.ndarray], draws: Draws
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        return allreduce(values, self, draws)[:2]

    def sketch(self, values: np.ndarray, draws: Draws, memory: np.ndarray | None) -> Round:
        """P = M·Q, and what is not factored."""
        made, begin = Round(), 0
        for piece in self.pieces():
            matrix = piece.matrix(values)
            if not piece.factored:
                made.plain.append(matrix.reshape(-1))
                continue
            count = self.rank * piece.columns
            q = random_values(draws, begin, count, values.dtype)
            if memory is not None:
                last = memory[begin : begin + count].reshape(self.rank, -1)
                usable = np.isfinite(last).all(axis=1) & (last != 0).any(axis=1)
                q[usable.repeat(piece.columns)] = last[usable].reshape(-1)
            made.p.append(times_q(matrix, q.reshape(self.rank, -1)))
            begin += count
        return made

    def project(self, values: np.ndarray, p: list[np.ndarray]) -> list[np.ndarray]:
        """Q = Mᵀ·P̂ for orthonormal P̂."""
        pairs = zip(self.factored(), p, strict=True)
        return [times_p(piece.matrix(values), columns) for piece, columns in pairs]

    def product(self, made: Round, pieces: list[Piece], count: int, v: np.dtype) -> np.ndarray:
        """P̂·Qᵀ, and what is not factored."""
        out = np.zeros(count, v)
        p, q, plain = iter(made.p), iter(made.q), iter(made.plain)
        for piece in pieces:
            if not piece.factored:
                out[piece.begin : piece.end] = next(plain)
                continue
            with np.errstate(all="ignore"):
                for left, right in zip(next(p), next(q), strict=True):
                    out[piece.begin : piece.end] += np.outer(left, right).reshape(-1)
        return out

    def memory(self, q: list[np.ndarray], v: np.dtype) -> np.ndarray:
        """What the next step begins with."""
        if self.warm_start == "no":
            return np.zeros(0, v)
        kept = [orthonormal(x) if np.isfinite(x).all() else np.zeros_like(x) for x in q]
        return np.concatenate([np.zeros(0, v), *(x.reshape(-1) for x in kept)])

    # ---- Frames ----

    def factors(self, values: np.ndarray, draws: Draws, memory: np.ndarray | None = None) -> Round:
        made = self.sketch(values, draws, memory)
        made.p = [orthonormal(p) for p in made.p]
        made.q = self.project(values, made.p)
        return made

    def payload(
        self,
        values: np.ndarray,
        dtype: np.dtype,
        draws: Draws,
        memory: np.ndarray | None = None,
    ) -> bytes:
        return self.write(self.factors(values, draws, memory), values.dtype)

    def write(self, made: Round, v: np.dtype) -> bytes:
        sizes = self.sizes()
        head = struct.pack("<Q", len(sizes)) + b"".join(struct.pack("<QQ", *size) for size in sizes)
        parts = [*made.p, *made.plain, *made.q]
        return head + b"".join(narrow(part, v).tobytes() for part in parts)

    def decode(self, payload: bytes, count: int, dtype: np.dtype) -> np.ndarray:
        v = accumulator(dtype)
        pieces = self.pieces(read_sizes(payload, count))
        if len(payload) != payload_bytes(self.rank, pieces, v):
            raise Corrupt("size")
        values = np.frombuffer(payload, v, offset=8 + 16 * len(pieces))
        made, at = Round(), 0

        def take(n: int) -> np.ndarray:
            nonlocal at
            at += n
            return values[at - n : at]

        factored = [piece for piece in pieces if piece.factored]
        made.p = [take(self.rank * piece.rows).reshape(self.rank, -1) for piece in factored]
        made.plain = [take(piece.end - piece.begin) for piece in pieces if not piece.factored]
        made.q = [take(self.rank * piece.columns).reshape(self.rank, -1) for piece in factored]
        return self.product(made, pieces, count, v)


def payload_bytes(rank: int, pieces: list[Piece], v: np.dtype) -> int:
    values = sum(
        rank * (piece.rows + piece.columns) if piece.factored else piece.end - piece.begin
        for piece in pieces
    )
    return 8 + 16 * len(pieces) + values * v.itemsize


def read_sizes(payload: bytes, count: int) -> list[tuple[int, int]]:
    if len(payload) < 8:
        raise Corrupt("no number of shapes")
    (number,) = struct.unpack_from("<Q", payload)
    if number > (len(payload) - 8) // 16:
        raise Corrupt("number of shapes")
    sizes = [struct.unpack_from("<QQ", payload, 8 + 16 * i) for i in range(number)]
    if sum(rows * columns for rows, columns in sizes) != count:
        raise Corrupt("count")
    return sizes


def random_values(draws: Draws, begin: int, count: int, v: np.dtype) -> np.ndarray:
    """Uniform in [−1, 1), for places begin, begin + 1, … of all Q."""
    places = np.arange(begin, begin + count)
    words = draw(0, draws.call, draws.lane, np.arange((begin + count + 3) // 4))
    word = np.asarray(words)[places % 4, places // 4].astype(np.int64)
    return ((word >> 8) / 2.0**23 - 1).astype(v)


def sum_of_lanes(sums: np.ndarray) -> np.ndarray:
    """The last axis has the lanes."""
    while sums.shape[-1] > 1:
        half = sums.shape[-1] // 2
        sums = sums[..., :half] + sums[..., half:]
    return sums[..., 0]


def summed(products: np.ndarray) -> np.ndarray:
    """Over the last axis: lane j adds j, j + 32, …; then the lanes are added in halves."""
    n = products.shape[-1]
    sums = np.zeros((*products.shape[:-1], LANES), products.dtype)
    for begin in range(0, n, LANES):
        part = products[..., begin : begin + LANES]
        sums[..., : part.shape[-1]] += part
    return sum_of_lanes(sums)


def spans(n: int, length: int) -> list[slice]:
    return [slice(begin, begin + length) for begin in range(0, n, length)]


def added(parts: Iterable[np.ndarray]) -> np.ndarray:
    """In order."""
    first, *others = parts
    for part in others:
        first = first + part
    return first


def times_q(matrix: np.ndarray, q: np.ndarray) -> np.ndarray:
    """M·Q, a row for every column: spans of columns, each in lanes."""
    cut = spans(matrix.shape[1], SPAN_COLUMNS)
    with np.errstate(all="ignore"):
        return np.stack(
            [added(summed(matrix[:, span] * column[span]) for span in cut) for column in q]
        )


def times_p(matrix: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Mᵀ·P, a row for every column: spans of rows, each from zero, row after row."""
    parts = []
    with np.errstate(all="ignore"):
        for span in spans(len(matrix), SPAN_ROWS):
            q = np.zeros((len(p), matrix.shape[1]), matrix.dtype)
            for row, factors in zip(matrix[span], p[:, span].T, strict=True):
                q += factors[:, None] * row
            parts.append(q)
        return added(parts)


def summed_in_spans(terms: np.ndarray) -> np.float64:
    """Spans in lanes, and the sums of the spans likewise."""
    while len(terms) > 1:
        terms = np.array([summed(terms[span]) for span in spans(len(terms), SPAN_VALUES)])
    return terms[0]


def orthonormal(columns: np.ndarray) -> np.ndarray:
    """Modified Gram–Schmidt, each column cleaned twice; rows of the argument are the columns."""
    v = columns.dtype
    if not np.isfinite(columns).all():
        return np.full_like(columns, np.nan)
    least = 2.0**-32 if v == np.float32 else 2.0**-90
    done: list[np.ndarray] = []
    for column in columns.astype(np.float64):
        largest = np.abs(column).max()
        if largest > 0:
            column = column * math.ldexp(1, -clamped(math.frexp(largest)[1] - 1))
        x, before = column, summed_in_spans(column * column)
        for _ in range(2):
            for other in done:
                x = x - summed_in_spans(other * x) * other
        after = summed_in_spans(x * x)
        done.append(x / np.sqrt(after) if after > least * before else np.zeros_like(x))
    return np.array(done).astype(v)


def clamped(exponent: int) -> int:
    return max(-1022, min(1022, exponent))


def encode(
    codec: LowRank, values: np.ndarray, draws: Draws, memory: np.ndarray | None
) -> tuple[bytes, np.ndarray, np.ndarray]:
    """Payload, residual and memory of one step of feedback; `values` are input + residual."""
    made = codec.factors(values, draws, memory)
    delivered = codec.product(made, codec.pieces(), len(values), values.dtype)
    return (
        codec.write(made, values.dtype),
        left_out(values, delivered),
        codec.memory(made.q, values.dtype),
    )


def allreduce(
    values: list[np.ndarray], codec: LowRank, draws: Draws, memory: np.ndarray | None = None
) -> tuple[np.ndarray, list[np.ndarray], np.ndarray]:
    """The sum of all ranks' values, what each rank left out, and the memory that all have."""
    v, count = values[0].dtype, len(values[0])
    rounds = [codec.sketch(value, draws, memory) for value in values]
    p = [orthonormal(total) for total in sums([made.p for made in rounds])]
    plain = sums([made.plain for made in rounds])
    own = [codec.project(value, p) for value in values]
    q = sums(own)
    total = codec.product(Round(p, plain, q), codec.pieces(), count, v)
    rest = []
    for value, made, mine in zip(values, rounds, own, strict=True):
        delivered = codec.product(Round(p, made.plain, mine), codec.pieces(), count, v)
        rest.append(left_out(value, delivered))
    return total, rest, codec.memory(q, v)


def sums(ranks: list[list[np.ndarray]]) -> list[np.ndarray]:
    """Of each buffer, in the order of the ranks; a NaN travels as the canonical one."""
    totals = []
    with np.errstate(all="ignore"):
        for parts in zip(*ranks, strict=True):
            total = parts[0]
            for part in parts[1:]:
                total = total + part
            totals.append(total)
    return totals
