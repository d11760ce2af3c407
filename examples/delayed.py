"""Delayed means: ranks compute the next gradients while the last ones travel.

    python examples/delayed.py

Four ranks train a logistic regression, compressed, with means that are 0, 1 and 4 steps late.
"""

import numpy as np
import skimp

FEATURES, EXAMPLES, STEPS, RATE = 5_000, 100, 200, 20.0


def train(comm, late):
    """Returns the mean loss of the ranks."""
    truth = np.random.default_rng(0).standard_normal(FEATURES, dtype=np.float32)
    rng = np.random.default_rng(1 + comm.rank)
    x = rng.standard_normal((EXAMPLES, FEATURES), dtype=np.float32) / np.sqrt(FEATURES)
    y = (x @ truth > 0).astype(np.float32)
    weights = np.zeros_like(truth)
    with skimp.Delayed(late, codec=skimp.ErrorFeedback(skimp.TopK(0.01))) as delayed:
        for _ in range(STEPS):
            probability = 1 / (1 + np.exp(-(x @ weights)))
            mean = delayed.step(comm, x.T @ (probability - y) / EXAMPLES)
            if mean is not None:  # the first `late` steps have none
                weights -= np.float32(RATE) * mean
        for mean in delayed.flush():  # the last: nothing is lost
            weights -= np.float32(RATE) * mean
    probability = 1 / (1 + np.exp(-(x @ weights)))
    loss = -np.log(np.where(y == 1, probability, 1 - probability)).mean(dtype=np.float32)
    return float(comm.allreduce(loss))  # the communicator is free again after the flush


def main():
    print(f"{'means come':14}{'loss':>8}")
    for late in (0, 1, 4):
        print(f"{f'{late} steps late':14}{skimp.run_threads(4, train, late)[0]:8.4f}")


if __name__ == "__main__":
    main()
