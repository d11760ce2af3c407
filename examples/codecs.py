"""What each codec costs and loses, on values that look alike and on values that do not.

    python examples/codecs.py

Losses are ‖x − decoded‖² / ‖x‖². With error feedback they are not lost: the next step carries them.
"""

import numpy as np
import skimp

CODECS = (
    skimp.Float("bfloat16"),
    skimp.Float("e4m3"),
    skimp.Quantize(8),
    skimp.Natural(),
    skimp.Quantize(4),
    skimp.Quantize(2),
    skimp.Ternary(),
    skimp.Sign(),
    skimp.TopK(0.01, values="float16"),
    skimp.BlockTopK(0.01, values="float16"),
    skimp.Dct(skimp.TopK(0.01, values="float16")),
)


def square(x):
    return float(np.square(x, dtype=np.float64).sum())


def loss(codec, x):
    decoded = skimp.decode(codec.encode(x), like=x)
    lost = square(x - decoded) / square(x)
    assert lost < 1, "a contraction on any data"
    return lost


def main():
    rng = np.random.default_rng(0)
    normal = rng.standard_normal(1_000_000, dtype=np.float32)
    heavy_tailed = rng.standard_t(2, 1_000_000).astype(np.float32)
    print(f"{'codec':50}{'bits':>7}{'normal':>11}{'heavy-tailed':>14}")
    for codec in CODECS:
        bits = 8 * codec.encode(normal).nbytes / normal.size
        losses = f"{loss(codec, normal):11.2g}{loss(codec, heavy_tailed):14.2g}"
        print(f"{codec.text:50}{bits:7.2f}{losses}")


if __name__ == "__main__":
    main()
