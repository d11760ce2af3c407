"""Deep Gradient Compression: momentum correction, masking, local clipping, density warm-up.

    python examples/momentum_correction.py

Four ranks train a logistic regression with momentum and send 0.1 % of their gradients.
"""

import numpy as np
import skimp

FEATURES, EXAMPLES, STEPS, RATE, MOMENTUM = 20_000, 40, 200, 5.0, 0.9


def train(comm, make, momentum):
    """Returns the mean loss of the ranks, and the bytes that this rank sent."""
    truth = np.random.default_rng(0).standard_normal(FEATURES, dtype=np.float32)
    rng = np.random.default_rng(1 + comm.rank)
    x = rng.standard_normal((EXAMPLES, FEATURES), dtype=np.float32) / np.sqrt(FEATURES)
    y = (x @ truth > 0).astype(np.float32)
    weights, velocity = np.zeros_like(truth), np.zeros_like(truth)
    codec, sent = make(), 0
    for _ in range(STEPS):
        probability = 1 / (1 + np.exp(-(x @ weights)))
        gradient = x.T @ (probability - y) / EXAMPLES
        velocity = np.float32(momentum) * velocity + comm.allreduce(gradient, codec=codec)
        weights -= np.float32(RATE) * velocity
        sent += comm.report.bytes_sent
    loss = -np.log(np.where(y == 1, probability, 1 - probability)).mean(dtype=np.float32)
    return float(comm.allreduce(loss)), sent


def main():
    topk = skimp.TopK(0.001)
    warm_up = skimp.density_warm_up(0.001, steps=STEPS // 10)
    rows = {
        "dense, momentum": (skimp.Identity, MOMENTUM),
        "top 0.1 %, no feedback": (lambda: topk, MOMENTUM),
        "top 0.1 %, ErrorFeedback": (lambda: skimp.ErrorFeedback(topk), MOMENTUM),
        # Its momentum takes the place of the optimiser's.
        "top 0.1 %, corrected": (lambda: skimp.MomentumCorrection(topk, MOMENTUM, clip=0.5), 0),
        "and warm-up": (lambda: skimp.MomentumCorrection(warm_up, MOMENTUM, clip=0.5), 0),
    }
    print(f"{'':28}{'loss':>8}{'kB sent a rank':>16}")
    for name, (make, momentum) in rows.items():
        loss, sent = skimp.run_threads(4, train, make, momentum)[0]
        print(f"{name:28}{loss:8.4f}{sent / 1e3:16.1f}")


if __name__ == "__main__":
    main()
