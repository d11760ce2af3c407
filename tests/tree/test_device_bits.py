"""What kernels are compiled from counts bits by base/bits.h alone, which says why."""

import re

from tests.tree.test_include_layers import ROOT, includes_of

COUNTS = r"std::(?:popcount|count[lr]_\w+|bit_width|bit_ceil|bit_floor|has_single_bit)"


def reached_by_kernels():
    found, ahead = set(), list((ROOT / "cuda").rglob("*.cu"))
    while ahead:
        path = ahead.pop()
        if path in found or not path.is_file():
            continue
        found.add(path)
        ahead += [ROOT / tree / name for name in includes_of(path) for tree in ("", "src")]
    return found


def test_no_kernel_counts_bits_by_the_standard_library():
    files = reached_by_kernels()
    bits = ROOT / "src/base/bits.h"
    assert bits in files and len(files) > 40
    users = [path.name for path in files - {bits} if re.search(COUNTS, path.read_text("utf-8"))]
    assert not users
