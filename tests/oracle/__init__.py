"""A model of Skimp in NumPy, written from docs/wire_format.md alone.

It shares no code with the library and is slow and plain on purpose: where the two disagree, one of
them does not follow the specification. Codecs take the arguments of their namesakes in Python.
"""

from tests.oracle.arc_topk import ArcTopK
from tests.oracle.block_topk import BlockTopK
from tests.oracle.checksum import checksum, mix
from tests.oracle.codec import Codec, Corrupt, Draws, decode_frame, encode, encode_frame
from tests.oracle.dct import Dct
from tests.oracle.dtypes import DTYPES, accumulator, bfloat16, bits, dtype, finfo, narrow, widen
from tests.oracle.floats import Float
from tests.oracle.frame import HEADER_BYTES, Header, open_frame, reseal, seal
from tests.oracle.identity import Identity
from tests.oracle.lowrank import LowRank
from tests.oracle.natural import Natural
from tests.oracle.philox import philox
from tests.oracle.quantize import Quantize
from tests.oracle.random_k import RandomK
from tests.oracle.sign import Sign
from tests.oracle.ternary import Ternary
from tests.oracle.text import codec
from tests.oracle.threshold import Threshold
from tests.oracle.topk import TopK

__all__ = [
    "DTYPES",
    "HEADER_BYTES",
    "ArcTopK",
    "BlockTopK",
    "Codec",
    "Corrupt",
    "Dct",
    "Draws",
    "Float",
    "Header",
    "Identity",
    "LowRank",
    "Natural",
    "Quantize",
    "RandomK",
    "Sign",
    "Ternary",
    "Threshold",
    "TopK",
    "accumulator",
    "bfloat16",
    "bits",
    "checksum",
    "codec",
    "decode_frame",
    "dtype",
    "encode",
    "encode_frame",
    "finfo",
    "mix",
    "narrow",
    "open_frame",
    "philox",
    "reseal",
    "seal",
    "widen",
]
