"""Philox4x32-10: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011."""

import numpy as np

WORD = np.uint64(0xFFFFFFFF)
MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
WEYL = 0x9E3779B9, 0xBB67AE85
ROUNDS = 10


def philox(counter: np.ndarray, key: tuple[int, int]) -> np.ndarray:
    """Four words (the rows) for every column of `counter`, which has four rows too."""
    c0, c1, c2, c3 = np.asarray(counter, np.uint64)
    for step in range(ROUNDS):
        k0, k1 = (np.uint64((k + step * w) & 0xFFFFFFFF) for k, w in zip(key, WEYL, strict=True))
        product0, product1 = MULTIPLIERS[0] * c0, MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (
            product1 >> np.uint64(32) ^ c1 ^ k0,
            product1 & WORD,
            product0 >> np.uint64(32) ^ c3 ^ k1,
            product0 & WORD,
        )
    return np.stack([c0, c1, c2, c3])


def draw(seed: int, call: int, lane: int, group: np.ndarray) -> np.ndarray:
    """The four words of every number in `group`, as a 4 × len(group) array of uint64."""
    group = np.asarray(group, np.uint64)
    counter = np.stack(
        [
            group & WORD,
            group >> np.uint64(32),
            np.full_like(group, call),
            np.full_like(group, lane),
        ]
    )
    return philox(counter, (seed & 0xFFFFFFFF, seed >> 32))
