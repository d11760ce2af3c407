"""Codecs by their text: "topk(k=3,values=float16)"."""

import re

from tests.oracle.arc_topk import ArcTopK
from tests.oracle.block_topk import BlockTopK
from tests.oracle.codec import Codec
from tests.oracle.dct import Dct
from tests.oracle.floats import Float
from tests.oracle.identity import Identity
from tests.oracle.lowrank import LowRank
from tests.oracle.natural import Natural
from tests.oracle.quantize import Quantize
from tests.oracle.random_k import RandomK
from tests.oracle.sign import Sign
from tests.oracle.ternary import Ternary
from tests.oracle.threshold import Threshold
from tests.oracle.topk import TopK

CLASSES = {
    "identity": Identity,
    "sign": Sign,
    "quantize": Quantize,
    "topk": TopK,
    "random_k": RandomK,
    "float": Float,
    "natural": Natural,
    "ternary": Ternary,
    "block_topk": BlockTopK,
    "threshold": Threshold,
    "dct": Dct,
    "arc_topk": ArcTopK,
    "lowrank": LowRank,
}


def codec(text: str) -> Codec:
    name, _, rest = text.removesuffix(")").partition("(")
    items = re.findall(r"(\w+)=((?:\([^)]*\)|[^,])+)", rest)
    return CLASSES[name](**{key: read(value) for key, value in items})


def read(value: str) -> int | float | str | Codec:
    if "(" in value:
        return codec(value)
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            pass
    return value
