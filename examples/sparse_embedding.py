"""The gradient of a large embedding, summed sparsely: ranks see different words of a long table.

    python examples/sparse_embedding.py

A batch touches a few rows of the table. Their gradients are entries of a sparse array; nothing is
left out, so the training is the same as with dense gradients.
"""

import numpy as np
import skimp

WORDS, DIMENSION, BATCH, STEPS, RANKS = 50_000, 16, 64, 20, 4


def entries_of(rows, gradients):
    """Row r of the table is elements r·DIMENSION …; a row may come several times."""
    indices = rows[:, None] * DIMENSION + np.arange(DIMENSION)
    return skimp.Sparse(indices.ravel(), gradients.ravel(), WORDS * DIMENSION)


def train(comm, sparsely):
    """Pulls the rows of its words towards 1. Returns the table and the bytes that were sent."""
    rng = np.random.default_rng(comm.rank)
    table, sent = np.zeros((WORDS, DIMENSION), np.float32), 0
    flat = table.reshape(-1)
    for _ in range(STEPS):
        rows = rng.zipf(1.3, BATCH) % WORDS  # some words are common, most are rare
        gradient = entries_of(rows, table[rows] - 1)
        if sparsely:
            mean = comm.allreduce(gradient)
            flat[mean.indices] -= 0.5 * mean.values
        else:
            flat -= 0.5 * comm.allreduce(gradient.to_dense())
        sent += comm.report.bytes_sent
    return table, sent


def main():
    tables = {}
    for sparsely in (False, True):
        results = skimp.run_threads(RANKS, train, sparsely)
        tables[sparsely], sent = results[0]
        assert all(np.array_equal(table, tables[sparsely]) for table, _ in results)
        print(f"{'sparse' if sparsely else 'dense':8}{sent / 1e6:8.2f} MB sent a rank")
    assert np.allclose(tables[False], tables[True], atol=1e-5)
    print(f"{np.any(tables[True] != 0, axis=1).sum()} of {WORDS} rows were trained")


if __name__ == "__main__":
    main()
