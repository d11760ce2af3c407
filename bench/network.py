"""A small network for real gradients: digits in, ten classes out, in numpy alone.

Multilayer perceptron 64–256–256–10 with ReLU and cross entropy, 85002 parameters kept as one flat
array, trained on scikit-learn's 1797 digits, of which every fifth is kept for the test.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Classes = npt.NDArray[np.int64]

WIDTHS = (64, 256, 256, 10)
PARAMETERS = sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise(WIDTHS))


@dataclass(frozen=True)
class Samples:
    images: Floats
    classes: Classes

    def __len__(self) -> int:
        return len(self.classes)

    def of_rank(self, rank: int, world_size: int) -> Samples:
        """The part that one of several workers trains on."""
        return Samples(self.images[rank::world_size], self.classes[rank::world_size])

    def batches(self, size: int, seed: Any) -> Iterator[Samples]:
        """Batches drawn at random, without end."""
        rng = np.random.default_rng(seed)
        while True:
            chosen = rng.choice(len(self), size=min(size, len(self)), replace=False)
            yield Samples(self.images[chosen], self.classes[chosen])


@cache
def digits() -> tuple[Samples, Samples]:
    """For training, and for the test."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError(
            f"digits to train on come with scikit-learn, as of `pip install skimp[demo]`: {error}"
        ) from error
    images, classes = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(classes))
    images = (images[order] / 16).astype(np.float32)
    classes = classes[order].astype(np.int64)
    tested = np.arange(len(classes)) % 5 == 4
    return Samples(images[~tested], classes[~tested]), Samples(images[tested], classes[tested])


def initial_parameters(seed: int) -> Floats:
    """Weights by He et al. 2015, biases zero."""
    rng = np.random.default_rng(seed)
    parameters = np.zeros(PARAMETERS, np.float32)
    for weight, _ in layers(parameters):
        weight[...] = rng.standard_normal(weight.shape, np.float32) * np.sqrt(2 / weight.shape[0])
    return parameters


def layers(flat: Floats) -> Iterator[tuple[Floats, Floats]]:
    """Weight and bias of each layer, as views of the flat array."""
    begin = 0
    for fan_in, fan_out in pairwise(WIDTHS):
        middle = begin + fan_in * fan_out
        yield flat[begin:middle].reshape(fan_in, fan_out), flat[middle : middle + fan_out]
        begin = middle + fan_out


def loss_and_gradient(parameters: Floats, samples: Samples) -> tuple[float, Floats]:
    """The mean cross entropy, and its gradient as one flat array."""
    activations = _forward(parameters, samples.images)
    probabilities = _softmax(activations[-1])
    rows = np.arange(len(samples))
    loss = -np.log(probabilities[rows, samples.classes] + 1e-12).mean()

    gradient = np.empty_like(parameters)
    delta = probabilities
    delta[rows, samples.classes] -= 1
    delta /= len(samples)
    pairs = zip(layers(parameters), layers(gradient), activations[:-1], strict=True)
    for (weight, _), (weight_gradient, bias_gradient), below in reversed(list(pairs)):
        np.matmul(below.T, delta, out=weight_gradient)
        np.sum(delta, axis=0, out=bias_gradient)
        delta = (delta @ weight.T) * (below > 0)
    return float(loss), gradient


def accuracy(parameters: Floats, samples: Samples) -> float:
    """The share of samples whose class gets the largest output."""
    outputs = _forward(parameters, samples.images)[-1]
    return float((outputs.argmax(axis=1) == samples.classes).mean())


def _forward(parameters: Floats, images: Floats) -> list[Floats]:
    """What enters each layer, and the outputs."""
    activations = [images]
    for number, (weight, bias) in enumerate(layers(parameters), start=1):
        outputs: Floats = activations[-1] @ weight + bias
        activations.append(outputs if number == len(WIDTHS) - 1 else np.maximum(outputs, 0))
    return activations


def _softmax(outputs: Floats) -> Floats:
    exponentials: Floats = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    exponentials /= exponentials.sum(axis=1, keepdims=True)
    return exponentials
