"""A character-level transformer in NumPy, with its gradient, on Python's own standard library.

One block with one head: embedding and position, causal attention, a ReLU network of one hidden
layer, each added to what it read (root-mean-square normalised), and a linear output. All
parameters are one flat array.
"""

from __future__ import annotations

import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

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
PARAMETERS = sum(rows * columns for rows, columns in SHAPES.values())
TRAINED_ON = (
    *("argparse", "ast", "configparser", "datetime", "difflib"),
    *("doctest", "enum", "inspect", "locale", "mailbox"),
)
TESTED_ON = ("optparse", "shutil", "tarfile")


def characters() -> Task:
    shapes = list(SHAPES.values())
    return Task("characters, transformer", 800, 0.1, start, batches, gradient, accuracy, shapes)


@cache
def text(modules: tuple[str, ...]) -> Array:
    """Source code as letters 0 … 95."""
    library = Path(sysconfig.get_path("stdlib"))
    source = "\n".join((library / f"{name}.py").read_text("utf-8") for name in modules)
    codes = np.frombuffer(source.encode("ascii", "replace"), np.uint8).astype(np.int64)
    return np.where(codes == ord("\n"), LETTERS - 1, np.clip(codes - 32, 0, LETTERS - 2))


def batches(rank: int, seed: int) -> Iterator[Array]:
    """Rows of LENGTH + 1 letters, from the part of the text that is the rank's."""
    mine = np.array_split(text(TRAINED_ON), RANKS)[rank]
    rng = np.random.default_rng([seed, rank])
    while True:
        begins = rng.integers(0, len(mine) - LENGTH, BATCH)
        yield mine[begins[:, None] + np.arange(LENGTH + 1)]


def start(seed: int) -> Array:
    rng = np.random.default_rng(seed)
    parameters = np.empty(PARAMETERS, np.float32)
    for name, part in parts(parameters).items():
        scale = 1.0 if name in ("embedding", "position") else 1 / np.sqrt(part.shape[0])
        part[...] = scale * rng.standard_normal(part.shape, np.float32)
    return parameters


def parts(flat: Array) -> dict[str, Array]:
    """The matrices, as views of the flat array."""
    ends = np.cumsum([rows * columns for rows, columns in SHAPES.values()])
    flats = np.split(flat, ends[:-1])
    return {
        name: part.reshape(shape) for (name, shape), part in zip(SHAPES.items(), flats, strict=True)
    }


def accuracy(parameters: Array) -> float:
    """The share of letters of other modules that get the largest output."""
    letters = text(TESTED_ON)
    rows = letters[: len(letters) // (LENGTH + 1) * (LENGTH + 1)].reshape(-1, LENGTH + 1)[::8]
    outputs = forward(parts(parameters), rows[:, :-1])["outputs"]
    return float((outputs.argmax(-1) == rows[:, 1:]).mean())


def forward(p: dict[str, Array], letters: Array) -> dict[str, Array]:
    """Every value that the gradient needs; arrays are (batch, place, width)."""
    x = p["embedding"][letters] + p["position"]
    n, x_scale = normalised(x)
    q, k, v = n @ p["query"], n @ p["key"], n @ p["value"]
    scores = q @ k.swapaxes(1, 2) / np.float32(np.sqrt(WIDTH))
    scores += np.triu(np.full((LENGTH, LENGTH), -np.inf, scores.dtype), 1)
    attention = softmax(scores)
    mixed = attention @ v
    y = x + mixed @ p["out"]
    m, y_scale = normalised(y)
    hidden = np.maximum(m @ p["up"], 0)
    z = y + hidden @ p["down"]
    f, z_scale = normalised(z)
    outputs = f @ p["letters"]
    return {name: value for name, value in locals().items() if isinstance(value, np.ndarray)}


def gradient(parameters: Array, batch: Array) -> tuple[float, Array]:
    """The mean cross entropy of the next letter, and its gradient."""
    letters, after = batch[:, :-1], batch[:, 1:, None]
    p = parts(parameters)
    a = forward(p, letters)
    flat = np.empty_like(parameters)
    g = parts(flat)

    delta = softmax(a["outputs"])
    loss = -np.log(np.take_along_axis(delta, after, -1) + 1e-12).mean()
    np.put_along_axis(delta, after, np.take_along_axis(delta, after, -1) - 1, -1)
    delta /= after.size

    def through(name: str, read: Array, delta: Array) -> Array:
        """The gradient of a matrix, and of what it read."""
        g[name][...] = read.reshape(-1, read.shape[-1]).T @ delta.reshape(-1, delta.shape[-1])
        return delta @ p[name].T

    dz = normalised_backward(through("letters", a["f"], delta), a["f"], a["z_scale"])
    dhidden = through("down", a["hidden"], dz) * (a["hidden"] > 0)
    dy = dz + normalised_backward(through("up", a["m"], dhidden), a["m"], a["y_scale"])
    dmixed = through("out", a["mixed"], dy)
    dattention = dmixed @ a["v"].swapaxes(1, 2)
    dscores = a["attention"] * (dattention - (dattention * a["attention"]).sum(-1, keepdims=True))
    dscores /= np.float32(np.sqrt(WIDTH))
    dn = through("value", a["n"], a["attention"].swapaxes(1, 2) @ dmixed)
    dn += through("query", a["n"], dscores @ a["k"])
    dn += through("key", a["n"], dscores.swapaxes(1, 2) @ a["q"])
    dx = dy + normalised_backward(dn, a["n"], a["x_scale"])
    g["position"][...] = dx.sum(0)
    g["embedding"][...] = 0
    np.add.at(g["embedding"], letters, dx)
    return float(loss), flat


def softmax(x: Array) -> Array:
    exponentials = np.exp(x - x.max(-1, keepdims=True))
    return exponentials / exponentials.sum(-1, keepdims=True)


def normalised(x: Array) -> tuple[Array, Any]:
    """x ÷ its root mean square over the width, and that."""
    scale = np.sqrt((x * x).mean(-1, keepdims=True) + x.dtype.type(1e-6))
    return x / scale, scale


def normalised_backward(delta: Array, n: Array, scale: Array) -> Array:
    return (delta - n * (delta * n).mean(-1, keepdims=True)) / scale
