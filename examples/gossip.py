"""Decentralised training on a ring of 8 ranks (threads), where each talks to two neighbours only.

    python examples/gossip.py

Every rank has data of its own and a model of its own. A step of CHOCO-SGD is a step down its own
gradient and one `mix` with the neighbours; beside it, steps with the mean of all gradients.
"""

import numpy as np
import skimp

RANKS, FEATURES, EXAMPLES, STEPS, RATE = 8, 5000, 60, 400, 0.3


def problem(rank):
    """Least squares: rows, targets, and what all ranks together should find."""
    truth = np.random.default_rng(0).standard_normal(FEATURES, dtype=np.float32)
    rng = np.random.default_rng(1 + rank)
    rows = rng.standard_normal((EXAMPLES, FEATURES), dtype=np.float32) / EXAMPLES**0.5
    return rows / 10, (rows / 10) @ truth


def train(comm, gossip):
    """Returns the loss over all data of this rank's model, and the bytes that it sent."""
    rows, targets = problem(comm.rank)
    model, sent = np.zeros(FEATURES, np.float32), 0
    for _ in range(STEPS):
        gradient = rows.T @ (rows @ model - targets)
        if gossip is None:
            model -= RATE * comm.allreduce(gradient)
        else:
            model = comm.mix(model - RATE * gradient, gossip)
        sent += comm.report.bytes_sent
    parts = [problem(rank) for rank in range(RANKS)]
    return sum(float(np.square(a @ model - b).sum()) for a, b in parts), sent


def main():
    ring = skimp.Graph("ring", RANKS)
    print(f"{ring}\n{'':52}{'worst loss':>12}{'MB sent a rank':>16}")
    for codec in (None, skimp.Identity(), skimp.Quantize(4), skimp.Sign(64)):
        name = "allreduce, dense" if codec is None else f"ring, {codec.text}"

        def worker(comm, codec=codec):
            return train(comm, None if codec is None else skimp.Gossip(codec, graph=ring))

        results = skimp.run_threads(RANKS, worker)
        loss, sent = max(loss for loss, _ in results), results[0][1]
        assert loss < 0.01, "the ranks have not agreed on a model"
        print(f"{name:52}{loss:12.4f}{sent / 1e6:16.2f}")


if __name__ == "__main__":
    main()
