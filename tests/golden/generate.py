"""Writes the golden frames, from the oracle: python -m tests.golden.generate

Run it when the wire format gets a new version, and never to make a test pass: files that are in
the repository have been read by released versions. test_golden.py checks that the oracle still
writes them.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests import oracle
from tests.oracle.frame import ERROR

FOLDER = Path(__file__).parent

GOOD = {  # name: codec, dtype, count
    "identity": ("identity", "float16", 9),
    "identity_empty": ("identity", "float32", 0),
    "sign": ("sign(block=32)", "float32", 77),
    "sign_float64": ("sign(block=2048)", "float64", 33),
    "sign_with_nan": ("sign(block=32)", "float32", 40),
    "quantize_8": ("quantize(bits=8,block=32)", "float32", 45),
    "quantize_4": ("quantize(bits=4,block=256)", "bfloat16", 45),
    "quantize_3": ("quantize(bits=3,block=32)", "float32", 45),
    "quantize_2": ("quantize(bits=2,block=32)", "float16", 45),
    "quantize_stochastic": ("quantize(bits=4,block=32,rounding=stochastic,seed=7)", "float32", 45),
    "topk_bitmap": ("topk(k=10)", "float32", 21),
    "topk_one": ("topk(k=1)", "float32", 300),
    "topk_elias_fano": ("topk(k=7,values=float16)", "float32", 150),
    "topk_bfloat16": ("topk(k=5,values=bfloat16)", "float16", 60),
    "topk_float64": ("topk(k=5)", "float64", 60),
    "topk_none": ("topk(k=0)", "float32", 5),
    "random_k": ("random_k(k=6,seed=9)", "float32", 50),
    "float_e4m3": ("float(format=e4m3,block=32)", "float32", 45),
    "float_e5m2": ("float(format=e5m2,block=2048)", "float64", 45),
    "float_float16": ("float(format=float16,block=32)", "float32", 45),
    "float_bfloat16": ("float(format=bfloat16,block=32)", "float32", 45),
    "natural": ("natural(block=32)", "float32", 45),
    "natural_float64": ("natural(block=2048)", "float64", 45),
    "natural_stochastic": ("natural(block=32,rounding=stochastic,seed=7)", "float16", 45),
    "ternary": ("ternary(block=288)", "float32", 301),
    "ternary_with_nan": ("ternary(block=32)", "float64", 45),
    "block_topk": ("block_topk(k=3,block=32)", "float32", 45),
    "block_topk_float16": ("block_topk(k=9,block=288,values=float16)", "float64", 301),
    "threshold": ("threshold(magnitude=2.0)", "float32", 45),
    "threshold_none": ("threshold(magnitude=100.0)", "float16", 9),
    "threshold_fraction": ("threshold(fraction=0.9,values=float16)", "float64", 60),
    "threshold_with_nan": ("threshold(fraction=0.95,values=bfloat16)", "float32", 40),
    "dct": ("dct(codec=topk(k=5),chunk=8)", "float32", 45),
    "dct_float64": ("dct(codec=topk(k=30,values=float16),chunk=64)", "float64", 301),
    "dct_block_topk": ("dct(codec=block_topk(k=3,block=32),chunk=32)", "bfloat16", 77),
    "dct_threshold": ("dct(codec=threshold(fraction=0.5),chunk=256)", "float32", 301),
    "dct_with_nan": ("dct(codec=topk(k=12),chunk=8)", "float32", 45),
    "float_with_nan": ("float(format=e4m3,block=32)", "float16", 45),
    "arc_topk": ("arc_topk(k=2,row=32,sketch=3,seed=5)", "float32", 140),
    "arc_topk_all": ("arc_topk(density=1.0,row=32)", "float64", 40),
    "lowrank": ("lowrank(rank=2,shapes=7x9+3+2x2)", "float32", 70),
    "lowrank_float64": ("lowrank(rank=1,shapes=40x3)", "float64", 120),
    "lowrank_with_nan": ("lowrank(rank=1,shapes=4x5+3)", "float16", 23),
}

NO_ENCODER = {"topk_none"}  # k = 0 comes from a slice of an array, not from an argument


def values(name: str) -> np.ndarray:
    """Both signs, zeros, ties and a tail, by a formula that needs no random numbers."""
    _, dtype, count = GOOD[name]
    i = np.arange(count)
    x = ((i * 37 % 101) - 50) / 16.0 * (i % 7 > 0)
    if name.endswith("with_nan"):
        x[3] = np.nan
    return oracle.narrow(x, oracle.dtype(dtype))


def good_frame(name: str) -> bytes:
    return oracle.encode_frame(oracle.codec(GOOD[name][0]), values(name))[0]


def decoded(name: str) -> bytes:
    codec = oracle.codec(GOOD[name][0])
    return oracle.decode_frame(codec, good_frame(name)).tobytes()


@dataclass(frozen=True)
class Damage:
    """What was done to a good frame."""

    frame: bytes
    why: str


def corrupt_frames() -> dict[str, Damage]:
    """All but the first four have sums that are right, so that the checks behind them are met."""

    def header(base: str, why: str, **fields) -> Damage:
        return Damage(oracle.reseal(good_frame(base), **fields), f"`{base}`, {why}")

    def payload(base: str, why: str, edit) -> Damage:
        head, data = oracle.open_frame(good_frame(base))
        changed = edit(bytearray(data))
        return Damage(oracle.seal(head, bytes(changed)), f"`{base}`, {why}")

    def put(offset: int, data: bytes):
        def edit(payload: bytearray) -> bytearray:
            size, begin = len(payload), offset % len(payload)
            payload[begin : begin + len(data)] = data
            assert len(payload) == size
            return payload

        return edit

    sign = good_frame("sign")
    k_and_format = oracle.open_frame(good_frame("topk_elias_fano"))[0].parameter
    scaled_bytes, values_bytes = 4, 7 * 2  # of topk_elias_fano
    return {
        "truncated_header": Damage(sign[:63], "`sign`, 63 bytes of it"),
        "truncated_payload": Damage(sign[:-1], "`sign` without its last byte"),
        "payload_sum": Damage(sign[:-1] + bytes([sign[-1] ^ 1]), "`sign`, its last byte changed"),
        "header_sum": Damage(sign[:9] + b"\1" + sign[10:], "`sign`, a byte of the flags changed"),
        "extra_byte": Damage(sign + b"\0", "`sign` and a byte more"),
        "magic": header("sign", "magic SKMQ", magic=b"SKMQ"),
        "version": header("sign", "version 2", version=2),
        "kind": header("sign", "an error frame", kind=ERROR),
        "codec_0": header("sign", "codec 0", codec=0),
        "codec_99": header("sign", "codec 99", codec=99),
        "dtype_0": header("sign", "dtype 0", dtype_code=0),
        "dtype_9": header("sign", "dtype 9", dtype_code=9),
        "flags": header("sign", "flag bit 15", flags=1 << 15),
        "payload_bytes": header("sign", "payload bytes 2⁶³", payload_bytes=1 << 63),
        "count_huge": header("sign", "count 2⁶⁴ − 1", count=2**64 - 1),
        "count_other_size": header("sign", "count 100", count=100),
        "sign_block_0": header("sign", "block 0", parameter=0),
        "sign_block_33": header("sign", "block 33", parameter=33),
        "sign_parameter": header("sign", "a high bit of the parameter", parameter=32 + (1 << 40)),
        "identity_parameter": header("identity", "parameter 1", parameter=1),
        "identity_count": header("identity", "count 8", count=8),
        "quantize_bits_5": header("quantize_4", "bits 5", parameter=256 + (5 << 32)),
        "quantize_rounding_2": header(
            "quantize_4", "rounding 2", parameter=256 + (4 << 32) + (2 << 40)
        ),
        "quantize_code": payload("quantize_2", "a code of 2L + 1", put(8, b"\xff")),
        "topk_k_exceeds_count": header("topk_one", "k 301", parameter=301),
        "topk_format_3": header(
            "topk_elias_fano", "format 3", parameter=k_and_format % 2**48 + (3 << 48)
        ),
        "topk_exponent": payload(
            "topk_elias_fano", "exponent 1101", put(0, (1101).to_bytes(4, "little"))
        ),
        "topk_bitmap_one_more": payload(
            "topk_bitmap", "all indices kept", put(-3, b"\xff\xff\x1f")
        ),
        "topk_index_reaches_count": payload("topk_one", "index 511", put(4, b"\xff\x02")),
        "topk_word_reaches_count": Damage(word_frame(), "count 2²⁴ + 9, the index too"),
        "topk_high_bits_missing": payload("topk_elias_fano", "no high bits", put(-3, bytes(3))),
        "topk_indices_equal": payload(
            "topk_elias_fano",
            "low bits 0 and high bits 0: 0, 0, …",
            put(scaled_bytes + values_bytes, bytes(4) + b"\x7f" + bytes(2)),
        ),
        "random_k_exceeds_count": header("random_k", "k 51", parameter=51),
        "random_k_short": header("random_k", "k 7", parameter=7),
        "float_format_4": header("float_e4m3", "format 4", parameter=32 + (4 << 32)),
        "float_block_0": header("float_e4m3", "block 0", parameter=0),
        "float_scale": payload("float_e4m3", "a scale of 3·2⁻¹⁴⁹", put(0, b"\3\0\0\0")),
        "natural_rounding_2": header("natural", "rounding 2", parameter=32 + (2 << 32)),
        "natural_scale": payload("natural", "a scale of 0", put(0, bytes(4))),
        "ternary_block_0": header("ternary", "block 0", parameter=0),
        "ternary_byte": payload("ternary", "a byte of 243", put(-1, b"\xf3")),
        "block_topk_k_0": header("block_topk", "k 0", parameter=32),
        "block_topk_k_33": header("block_topk", "k 33", parameter=32 + (33 << 32)),
        "block_topk_format_3": header(
            "block_topk", "format 3", parameter=32 + (3 << 32) + (3 << 48)
        ),
        "block_topk_exponent": payload(
            "block_topk_float16", "exponent 1101", put(0, (1101).to_bytes(2, "little"))
        ),
        "block_topk_indices": payload("block_topk", "high bits of more than k", put(14, b"\xff")),
        "threshold_format_3": header("threshold", "format 3", parameter=3 << 48),
        "threshold_parameter": header("threshold", "parameter 1", parameter=1),
        "threshold_short": Damage(
            oracle.reseal(good_frame("threshold")[: oracle.HEADER_BYTES + 7], payload_bytes=7),
            "`threshold`, a payload of 7 bytes",
        ),
        "threshold_exceeds_count": payload("threshold", "k 46", put(0, bytes([46]))),
        "threshold_overflow": payload("threshold", "k + 2⁶²", put(7, b"\x40")),
        "threshold_other_k": payload("threshold", "k 1", put(0, b"\1")),
        "dct_chunk_4": header("dct", "chunk 4", parameter=5 + (2 << 52) + (4 << 56)),
        "dct_chunk_512": header("dct", "chunk 512", parameter=5 + (9 << 52) + (4 << 56)),
        "dct_of_sign": header("dct", "codec 2 inside", parameter=32 + (3 << 52) + (2 << 56)),
        "dct_of_dct": header("dct", "codec 13 inside", parameter=5 + (3 << 52) + (13 << 56)),
        "dct_k_exceeds_count": header("dct", "k 46", parameter=46 + (3 << 52) + (4 << 56)),
        "dct_indices": payload("dct", "no high bits", put(-2, bytes(2))),
        "float_code_nan": payload("float_e4m3", "a code of NaN", put(8, b"\xff")),
        "float_code_inf": payload("float_float16", "a code of Inf", put(8, b"\0\x7c")),
        "arc_topk_row_0": header("arc_topk", "rows of 0", parameter=2),
        "arc_topk_k_exceeds_rows": header("arc_topk", "k 6", parameter=6 + (32 << 48)),
        "arc_topk_one_row_more": payload("arc_topk", "all rows marked", put(0, b"\x1f")),
        "arc_topk_row_beyond": payload("arc_topk", "rows 5 and 6 marked", put(0, b"\x60")),
        "arc_topk_behind_last_row": payload(
            "arc_topk", "a byte behind the values of the short row", put(-1, b"\1")
        ),
        "lowrank_rank_0": header("lowrank", "rank 0", parameter=0),
        "lowrank_rank_33": header("lowrank", "rank 33", parameter=33),
        "lowrank_other_rank": header("lowrank", "rank 1", parameter=1),
        "lowrank_many_shapes": payload("lowrank", "2⁶⁰ pieces", put(7, b"\x10")),
        "lowrank_shapes_overflow": payload("lowrank", "a piece of 2⁶³ + 7 rows", put(15, b"\x80")),
        "lowrank_other_count": payload("lowrank", "a piece of 8 rows", put(8, b"\x08")),
    }


def word_frame() -> bytes:
    """An index of 32 bits that reaches the count; arrays are large where this coding is best."""
    count = 2**24 + 9
    payload = np.float32(1).tobytes() + count.to_bytes(4, "little")
    header = oracle.Header(
        codec=oracle.TopK.id, dtype_code=1, count=count, payload_bytes=len(payload), parameter=1
    )
    return oracle.seal(header, payload)


def main() -> None:
    for name in GOOD:
        (FOLDER / "good" / f"{name}.bin").write_bytes(good_frame(name))
        (FOLDER / "good" / f"{name}.decoded").write_bytes(decoded(name))
    for name, damage in corrupt_frames().items():
        (FOLDER / "corrupt" / f"{name}.bin").write_bytes(damage.frame)
    (FOLDER / "README.md").write_text(readme())


def readme() -> str:
    good = [
        f"| {name} | `{codec}` | {dtype} | {count} |"
        for name, (codec, dtype, count) in GOOD.items()
    ]
    corrupt = [f"| {name} | {damage.why} |" for name, damage in corrupt_frames().items()]
    return "\n".join(
        [
            "# Golden frames",
            "",
            "Written by `generate.py` from the oracle, not from the library, and checked in: what",
            "a version of the wire format means does not change. So is this file.",
            "",
            "`good/NAME.bin` decodes to the bytes of `good/NAME.decoded`.",
            "",
            "| name | codec | dtype | count |",
            "|---|---|---|---|",
            *good,
            "",
            "`corrupt/NAME.bin` is refused.",
            "",
            "| name | what it is |",
            "|---|---|",
            *corrupt,
            "",
        ]
    )


if __name__ == "__main__":
    main()
