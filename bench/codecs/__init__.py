"""Measures codecs alone, on one rank: encode and decode, beside what no codec can be faster than (a
copy, and a pass of `residual += gradient`) and what numpy and torch offer for the same.

What a codec competes with is in the file of its name.
"""

from skimp.bench.codecs.measure import Row, measure

__all__ = ["Row", "measure"]
