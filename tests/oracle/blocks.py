"""Blocks of an array: where the last one may be shorter, it is padded with zeros."""

import numpy as np


def block_count(count: int, block: int) -> int:
    return -(-count // block)


def padded_blocks(values: np.ndarray, block: int) -> np.ndarray:
    """One row a block."""
    rows = block_count(len(values), block)
    padded = np.zeros(rows * block, values.dtype)
    padded[: len(values)] = values
    return padded.reshape(rows, block)


def block_lengths(count: int, block: int) -> np.ndarray:
    starts = np.arange(block_count(count, block)) * block
    return np.minimum(block, count - starts)


def spread(per_block: np.ndarray, count: int, block: int) -> np.ndarray:
    """Every block's number, at each of its elements."""
    return np.repeat(per_block, block)[:count]
