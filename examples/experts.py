"""Expert parallelism on 4 ranks (threads): tokens travel to their experts and back by alltoall.

    python examples/experts.py

Each rank has a batch of tokens and owns one expert, a linear layer that learns a map of its own. A
token goes to the rank of its expert, the expert's output comes back, and the gradients travel the
same way round: four alltoall in a step, all compressed.
"""

import numpy as np
import skimp

RANKS, TOKENS, WIDTH, STEPS, RATE = 4, 64, 32, 60, 0.5  # TOKENS: of a rank for each expert


def truth(expert):
    rng = np.random.default_rng(expert)
    return rng.standard_normal((WIDTH, WIDTH), dtype=np.float32) / WIDTH**0.5


def train(comm, codec):
    """Returns the mean squared error of this rank's tokens, and the bytes that it sent."""
    rng = np.random.default_rng(100 + comm.rank)
    expert, sent = np.zeros((WIDTH, WIDTH), np.float32), 0

    def exchange(x):
        nonlocal sent
        y = comm.alltoall(x, codec=codec)
        sent += comm.report.bytes_sent
        return y

    for _ in range(STEPS):
        tokens = rng.standard_normal((RANKS, TOKENS, WIDTH), dtype=np.float32)  # by expert
        wanted = np.stack([tokens[e] @ truth(e) for e in range(RANKS)])
        arrived = exchange(tokens)  # this rank's expert's, by the rank they come from
        error = exchange(arrived @ expert) - wanted
        gradient = exchange(error)
        exchange(gradient @ expert.T)  # what layers before this one would go on with
        expert -= RATE * np.tensordot(arrived, gradient, ((0, 1), (0, 1))) / (RANKS * TOKENS)
    return float(np.mean(error**2)), sent


def main():
    print(f"{'':52}{'error':>8}{'MB sent a rank':>16}")
    for codec in (skimp.Identity(), skimp.Quantize(8), skimp.Quantize(4)):
        results = skimp.run_threads(RANKS, train, codec)
        error, sent = max(error for error, _ in results), results[0][1]
        assert error < 0.1, "the experts have not learned"
        print(f"{codec.text:52}{error:8.4f}{sent / 1e6:16.2f}")


if __name__ == "__main__":
    main()
