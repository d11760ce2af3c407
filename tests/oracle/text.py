"""Codecs by their text: "topk(k=3,values=float16)"."""

from tests.oracle.arc_topk import ArcTopK
from tests.oracle.block_topk import BlockTopK
from tests.oracle.codec import Codec
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
    "arc_topk": ArcTopK,
    "lowrank": LowRank,
}


def codec(text: str) -> Codec:
    name, _, rest = text.rstrip(")").partition("(")
    arguments = dict(item.split("=") for item in rest.split(",") if item)
    return CLASSES[name](**{key: number_or_word(value) for key, value in arguments.items()})


def number_or_word(value: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            pass
    return value
