"""Data-parallel training with four ranks as threads: logistic regression in NumPy.

    python examples/data_parallel.py

Under MPI, call `train(skimp.mpi(MPI.COMM_WORLD))` instead and start it with mpirun.
"""

import numpy as np
import skimp

FEATURES, EXAMPLES, STEPS = 20_000, 40, 100


def train(comm, codec):
    """Returns the loss and the bytes that this rank sent for gradients."""
    truth = np.random.default_rng(0).standard_normal(FEATURES, dtype=np.float32)
    rng = np.random.default_rng(1 + comm.rank)  # each rank has examples of its own
    x = rng.standard_normal((EXAMPLES, FEATURES), dtype=np.float32) / np.sqrt(FEATURES)
    y = (x @ truth > 0).astype(np.float32)
    weights, feedback, sent = np.zeros_like(truth), skimp.ErrorFeedback(codec), 0
    for _ in range(STEPS):
        probability = 1 / (1 + np.exp(-(x @ weights)))
        gradient = x.T @ (probability - y) / EXAMPLES
        weights -= 50 * comm.allreduce(gradient, codec=feedback)
        sent += comm.report.bytes_sent
    loss = -np.log(np.where(y == 1, probability, 1 - probability)).mean(dtype=np.float32)
    return float(comm.allreduce(loss)), sent


def main():
    print(f"{'codec':46}{'loss':>8}{'MB sent a rank':>16}")
    for codec in (skimp.Identity(), skimp.Quantize(4), skimp.Sign(), skimp.TopK(0.01)):
        loss, sent = skimp.run_threads(4, train, codec)[0]
        print(f"{codec.text:46}{loss:8.4f}{sent / 1e6:16.2f}")


if __name__ == "__main__":
    main()
