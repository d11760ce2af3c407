"""Training stops on four ranks and goes on, on four with the same bits, or on two.

python examples/checkpoint.py
"""

import tempfile
from pathlib import Path

import numpy as np
import skimp

COUNT, STEPS = 1000, 60


def train(comm, folder, first, last, states=None):
    """Steps `first` to `last` of minimising ‖w − the mean of all ranks' targets‖²."""
    target = np.random.default_rng(comm.rank).standard_normal(COUNT, dtype=np.float32)
    w, feedback = np.zeros(COUNT, np.float32), skimp.ErrorFeedback(skimp.TopK(0.05))
    if states is not None:
        w = np.load(folder / "weights.npy")
        feedback.load_state_dict(states[comm.rank])
    for _ in range(first, last):
        w -= np.float32(0.02) * comm.allreduce(w - target, codec=feedback)
    np.savez(folder / f"feedback{comm.rank}.npz", **feedback.state_dict())
    if comm.rank == 0:
        np.save(folder / "weights.npy", w)  # equal on all ranks
    return w


def residual_sum(states):
    return sum(state["residual"].astype(float) for state in states)


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole = skimp.run_threads(4, train, folder, 0, 2 * STEPS)[0]
        skimp.run_threads(4, train, folder, 0, STEPS)
        states = [dict(np.load(folder / f"feedback{rank}.npz")) for rank in range(4)]
        weights = np.load(folder / "weights.npy")

        resumed = skimp.run_threads(4, train, folder, STEPS, 2 * STEPS, states)[0]
        print("resumed on 4 ranks, bits that differ:", np.count_nonzero(resumed != whole))

        fewer = skimp.reshard(states, 2)
        changed = np.abs(residual_sum(fewer) - residual_sum(states)).max()
        print(f"resharded to 2 ranks, the residuals' sum changed by at most {changed:.0e}")
        np.save(folder / "weights.npy", weights)
        skimp.run_threads(2, train, folder, STEPS, 2 * STEPS, fewer)
        print("2 ranks went on at step", int(np.load(folder / "feedback1.npz")["step"]))


if __name__ == "__main__":
    main()
