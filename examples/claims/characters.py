"""A character-level transformer in NumPy, with its gradient, on Python's own standard library.

One block with one head: embedding and position, causal attention, a ReLU network of one hidden
layer, each added to what it read (root-mean-square normalised), and a linear output. All
parameters are one flat array.
"""

from __future__ import annotations

import sysconfig
from collections.abc import Iterator
from functools import cache
from itertools import accumulate, pairwise
from pathlib import Path

from common import RANKS, Array, Task, np

LETTERS = 96  # printable ASCII and the end of a line; anything else is a space
LENGTH, WIDTH, HIDDEN, BATCH = 32, 32, 128, 4
SHAPES = {
    "embedding": (LETTERS, WIDTH),
    "position": (LENGTH, WIDTH),
    "query": (WIDTH, WIDTH),
    "key": (WIDTH, WIDTH),
    "value": (WIDTH, WIDTH),
    "out": (WIDTH, WIDTH),
    "up": (WIDTH, HIDDEN),
    "down": (HIDDEN, WIDTH),
    "letters": (WIDTH, LETTERS),
}
ENDS = [0, *accumulate(rows * columns for rows, columns in SHAPES.values())]
PARAMETERS = ENDS[-1]
LATER = np.triu(np.full((LENGTH, LENGTH), -np.inf, np.float32), 1)
"""Added to the scores of a place's later ones, which it must not see."""
TRAINED_ON = ("argparse",)
TRAINED_LETTERS = 16384  # few enough that 4800 steps learn what they can teach
VALIDATED_ON = ("pdb", "smtplib", "zipfile")
TESTED_ON = ("optparse", "shutil", "tarfile")
LIBRARY = Path(sysconfig.get_path("stdlib"))  # which may raise if threads ask for it at once


def characters(tuning: bool = False) -> Task:
    """The transformer. For ``tuning`` accuracy is that on modules for validation."""
    others = VALIDATED_ON if tuning else TESTED_ON
    text(TRAINED_ON), text(others)  # read once, before there are threads
    return Task(
        "characters, transformer",
        4800,
        0.1,
        start,
        batches,
        gradient,
        lambda parameters: accuracy(parameters, others),
        list(SHAPES.values()),
        warm_up=0.05,
    )


@cache
def text(modules: tuple[str, ...]) -> Array:
    """Source code as letters 0 … 95."""
    source = "\n".join((LIBRARY / f"{name}.py").read_text("utf-8") for name in modules)
    codes = np.frombuffer(source.encode("ascii", "replace"), np.uint8).astype(np.int64)
    return np.where(codes == ord("\n"), LETTERS - 1, np.clip(codes - 32, 0, LETTERS - 2))


def batches(rank: int, seed: int) -> Iterator[Array]:
    """Rows of LENGTH + 1 letters, from the part of the text that is the rank's."""
    mine = np.array_split(text(TRAINED_ON)[:TRAINED_LETTERS], RANKS)[rank]
    rng = np.random.default_rng([seed, rank])
    while True:
        begins = rng.integers(0, len(mine) - LENGTH, BATCH)
        yield mine[begins[:, None] + np.arange(LENGTH + 1)]


def start(seed: int) -> Array:
    rng = np.random.default_rng(seed)
    parameters = np.empty(PARAMETERS, np.float32)
    for name, part in parts(parameters).items():
        scale = 0.3 if name in ("embedding", "position") else 1 / np.sqrt(part.shape[0])
        part[...] = scale * rng.standard_normal(part.shape, np.float32)
    return parameters


def parts(flat: Array) -> dict[str, Array]:
    """The matrices, as views of the flat array."""
    places = zip(SHAPES.items(), pairwise(ENDS), strict=True)
    return {name: flat[begin:end].reshape(shape) for (name, shape), (begin, end) in places}


def accuracy(parameters: Array, modules: tuple[str, ...]) -> float:
    """The share of the modules' letters that get the largest output."""
    letters = text(modules)
    rows = letters[: len(letters) // (LENGTH + 1) * (LENGTH + 1)].reshape(-1, LENGTH + 1)[::8]
    outputs = forward(parts(parameters), rows[:, :-1])["outputs"]
    return float((outputs.argmax(-1) == rows[:, 1:].ravel()).mean())


def forward(p: dict[str, Array], letters: Array) -> dict[str, Array]:
    """Every value that the gradient needs, a row for each of the (batch, place) letters."""
    x = (p["embedding"][letters] + p["position"]).reshape(-1, WIDTH)
    n, x_scale = normalised(x)
    q, k, v = (by_text(n @ p[name]) for name in ("query", "key", "value"))
    scores = q @ k.swapaxes(1, 2) / np.float32(np.sqrt(WIDTH))
    attention = softmax(scores + LATER)
    mixed = (attention @ v).reshape(-1, WIDTH)
    y = x + mixed @ p["out"]
    m, y_scale = normalised(y)
    hidden = np.maximum(m @ p["up"], 0)
    z = y + hidden @ p["down"]
    f, z_scale = normalised(z)
    outputs = f @ p["letters"]
    return {name: value for name, value in locals().items() if isinstance(value, np.ndarray)}


def by_text(rows: Array) -> Array:
    """(batch × place, width) as (batch, place, width)."""
    return rows.reshape(-1, LENGTH, WIDTH)


def gradient(parameters: Array, batch: Array) -> tuple[float, Array]:
    """The mean cross entropy of the next letter, and its gradient."""
    letters, after = batch[:, :-1], batch[:, 1:].ravel()
    rows = np.arange(after.size)
    p = parts(parameters)
    a = forward(p, letters)
    flat = np.empty_like(parameters)
    g = parts(flat)

    delta = softmax(a["outputs"])
    loss = -np.log(delta[rows, after] + 1e-12).mean()
    delta[rows, after] -= 1
    delta /= after.size

    def through(name: str, read: Array, delta: Array) -> Array:
        """The gradient of a matrix, and of what it read."""
        np.matmul(read.T, delta, out=g[name])
        return delta @ p[name].T

    dz = normalised_backward(through("letters", a["f"], delta), a["f"], a["z_scale"])
    dhidden = through("down", a["hidden"], dz) * (a["hidden"] > 0)
    dy = dz + normalised_backward(through("up", a["m"], dhidden), a["m"], a["y_scale"])
    dmixed = by_text(through("out", a["mixed"], dy))
    dattention = dmixed @ a["v"].swapaxes(1, 2)
    dscores = a["attention"] * (dattention - row_sums(dattention, a["attention"]))
    dscores /= np.float32(np.sqrt(WIDTH))
    dvalue, dquery = a["attention"].swapaxes(1, 2) @ dmixed, dscores @ a["k"]
    dn = through("value", a["n"], dvalue.reshape(-1, WIDTH))
    dn += through("query", a["n"], dquery.reshape(-1, WIDTH))
    dn += through("key", a["n"], (dscores.swapaxes(1, 2) @ a["q"]).reshape(-1, WIDTH))
    dx = dy + normalised_backward(dn, a["n"], a["x_scale"])
    np.sum(by_text(dx), axis=0, out=g["position"])
    chosen = np.zeros((LETTERS, after.size), dx.dtype)  # a product is faster than np.add.at
    chosen[letters.ravel(), rows] = 1
    np.matmul(chosen, dx, out=g["embedding"])
    return float(loss), flat


def softmax(x: Array) -> Array:
    exponentials = np.exp(x - x.max(-1, keepdims=True))
    exponentials /= exponentials.sum(-1, keepdims=True)
    return exponentials


def row_sums(x: Array, y: Array) -> Array:
    """Of x ∘ y, over the last axis, which stays."""
    return np.einsum("...i,...i->...", x, y)[..., None]


def normalised(x: Array) -> tuple[Array, Array]:
    """x ÷ its root mean square over the width, and that."""
    scale = np.sqrt(row_sums(x, x) / np.float32(WIDTH) + np.float32(1e-6))
    return x / scale, scale


def normalised_backward(delta: Array, n: Array, scale: Array) -> Array:
    return (delta - n * row_sums(delta, n) / np.float32(WIDTH)) / scale
