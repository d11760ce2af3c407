"""An owner adds and encodes a large segment by parts, a small one at once; no bit tells."""

import skimp

from tests.collectives.test_segments import DATA, Pipeline, arrays, compare
from tests.pairwise import parametrize
from tests.tables import DTYPES

BLOCKWISE = (
    *("sign", "sign(block=96)", "ternary", "natural", "natural(rounding=stochastic)"),
    *(f"quantize(bits={bits})" for bits in (8, 4, 3, 2)),
    *("quantize(bits=3,block=160,rounding=stochastic)", "float(format=e4m3)", "float(block=8192)"),
)


@parametrize(
    codec=BLOCKWISE,
    back=BLOCKWISE,
    world_size=(2, 3),
    count=(2**17 + 5, 200_003),
    threads=(1, 2),
    data=DATA,
    dtype=DTYPES,
    in_place=(False, True),
)
def test_segments_of_several_parts(codec, back, world_size, count, threads, data, dtype, in_place):
    def reduce(comm, x, **arguments):
        back_codec = skimp.codec(back)
        return comm.allreduce(x, algorithm="two_phase", broadcast_codec=back_codec, **arguments)

    pipeline = Pipeline(4096, threads=threads, in_place=in_place)
    compare(pipeline, world_size, codec, arrays(data, count, dtype, world_size), reduce)
