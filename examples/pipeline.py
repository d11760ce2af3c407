"""Pipeline parallelism on 2 ranks (threads): each has a half of a network.

    python examples/pipeline.py

Rank 0 sends activations forward, rank 1 sends their gradients back, in parts of a batch, so both
work at once. Both directions are compressed with feedback: each part of the data has a
residual of its own (key=), which makes up next time for what it was denied.
"""

import numpy as np
import skimp

PARTS, ROWS, INPUTS, WIDTH, OUTPUTS, STEPS, RATE = 4, 64, 16, 128, 8, 300, 0.5


def first_half(comm, data, feedback):
    rng = np.random.default_rng(1)
    weights, sent = rng.standard_normal((INPUTS, WIDTH), np.float32) / 4, 0
    for _ in range(STEPS):
        hidden = [np.tanh(x @ weights) for x, _ in data]
        for part, h in enumerate(hidden):
            comm.send(h, 1, codec=feedback, key=str(part))
            sent += comm.report.bytes_sent
        for (x, _), h in zip(data, hidden, strict=True):
            gradient = comm.recv(1, like=h)
            weights -= RATE / PARTS * x.T @ (gradient * (1 - h * h))
    return sent


def second_half(comm, data, feedback):
    weights, h = np.zeros((WIDTH, OUTPUTS), np.float32), np.empty((ROWS, WIDTH), np.float32)
    for _ in range(STEPS):
        step, losses = np.zeros_like(weights), []
        for part, (_, wanted) in enumerate(data):
            comm.recv(0, out=h)
            error = h @ weights - wanted
            comm.send(error @ weights.T / ROWS, 0, codec=feedback, key=str(part))
            step += h.T @ error / (PARTS * ROWS)
            losses.append(float(np.mean(error * error)))
        weights -= RATE * step
    return np.mean(losses)


def train(comm, codec):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((PARTS, ROWS, INPUTS), np.float32)
    truth = rng.standard_normal((INPUTS, OUTPUTS), np.float32) / 4
    data = list(zip(x, np.sin(x @ truth), strict=True))
    return (first_half, second_half)[comm.rank](comm, data, skimp.ErrorFeedback(codec))


def main():
    print(f"{'':50}{'loss':>8}{'MB forward':>12}")
    for codec in (skimp.Identity(), skimp.Quantize(8), skimp.Quantize(4)):
        sent, loss = skimp.run_threads(2, train, codec)
        print(f"{codec.text:50}{loss:8.4f}{sent / 1e6:12.2f}")


if __name__ == "__main__":
    main()
