"""Local SGD: four ranks, each with a quarter of the plane, learn one ring between them.

    python examples/local_sgd.py

All make the same number of local steps; the more of them lie between two synchronisations, the
fewer bytes travel. Averaging once, at the end, does not work: each rank has learnt its own quarter,
and the mean of four networks is not a network that knows the ring.
"""

import numpy as np
import skimp

HIDDEN, STEPS, RATE = 64, 512, 0.5


def quarter(rng, rank):
    """Points of a quarter of the plane, and whether they lie in the ring."""
    angle, radius = np.pi / 2 * (rank + rng.random(64)), 2 * rng.random(64)
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)
    return points.astype(np.float32), (np.abs(radius - 1) < 0.5).astype(np.float32)[:, None]


def gradient(w, x, y):
    """Of the cross entropy of a network with one hidden layer."""
    hidden = np.tanh(x @ w["in"] + w["bias"])
    delta = (1 / (1 + np.exp(-hidden @ w["out"])) - y) / len(y)
    below = delta @ w["out"].T * (1 - hidden**2)
    return {"in": x.T @ below, "bias": below.sum(0), "out": hidden.T @ delta}


def train(comm, period, codec):
    """The accuracy on all quarters, and the bytes that this rank sent."""
    rng = np.random.default_rng(0)  # rank 0's start is everybody's, whatever theirs is
    w = {"in": rng.standard_normal((2, HIDDEN)), "bias": rng.standard_normal(HIDDEN)}
    w = {k: (3 * v).astype(np.float32) for k, v in w.items()}
    local, sent = skimp.LocalSGD(period, codec), 0
    w = local.start(comm, {**w, "out": np.zeros((HIDDEN, 1), np.float32)})
    rng = np.random.default_rng(1 + comm.rank)
    for step in range(1, STEPS + 1):
        g = gradient(w, *quarter(rng, comm.rank))
        w = local.step(comm, {k: w[k] - np.float32(RATE) * g[k] for k in w})
        sent += comm.report.bytes_sent if step % period == 0 else 0
    right = []
    for x, y in (quarter(rng, rank) for rank in range(4) for _ in range(20)):
        right.append((np.tanh(x @ w["in"] + w["bias"]) @ w["out"] > 0) == y)
    return np.mean(right), sent


def main():
    print(f"{'synchronised every':26}{'accuracy %':>12}{'kB sent a rank':>16}")
    for codec in (None, skimp.Sign(32)):  # a codec gets error feedback
        for period in (1, 8, 64, STEPS):
            accuracy, sent = skimp.run_threads(4, train, period, codec)[0]
            name = f"{period} steps, {'sign' if codec else 'dense'}"
            print(f"{name:26}{100 * accuracy:12.1f}{sent / 1e3:16.1f}")


if __name__ == "__main__":
    main()
