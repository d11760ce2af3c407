"""Segments, windows and threads: how a call is cut, and who does what when, changes no bit."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain

import numpy as np
import pytest
import skimp

from tests import oracle
from tests.collectives.methods import METHODS
from tests.comparing import same_bits, sent_as_predicted
from tests.faults.calls import Call, values
from tests.faults.ranks import PROMPT, outcomes
from tests.faults.test_each_exchange import check, run
from tests.oracle.collectives import shards
from tests.pairwise import parametrize
from tests.tables import CODECS, DTYPES, array, exceeds

STEPS = 3
DEFAULT = 262144
STREAMED = 2**21 + 77  # elements of an array that is written past the cache
SEGMENTS = (0, 1, 32, 64, 1000, 2**32, 2**63, 2**64 - 1)
WINDOWS = (1, 2, 4, 100)
THREADS = (1, 2, 3)
COUNTS = (0, 1, 3, 33, 257, 1000, 2049, 5003)  # below the number of ranks, and past blocks
DATA = ("normal", "ties", "with_nonfinite")

ALLREDUCES = tuple(m for m in METHODS if m.algorithm in ("two_phase", "dense_direct"))
SLICEABLE = tuple(codec for codec in CODECS if oracle.codec(codec).sliceable)


@dataclass(frozen=True)
class Pipeline:
    segment: int = 0
    window: int = 4
    threads: int = 1
    in_place: bool = False  # residuals
    aliased: bool = False  # out=x


def steps(pipeline: Pipeline, world_size: int, codec: str, inputs, reduce):
    """Of all ranks and steps: what is delivered, what is left out, the report."""

    def worker(comm):
        comm.set_pipeline(pipeline.segment, pipeline.window)
        comm.set_threads(pipeline.threads)
        feedback = skimp.ErrorFeedback(skimp.codec(codec), in_place=pipeline.in_place)
        results = []
        for step in range(STEPS):
            x = inputs[step][comm.rank].copy()
            output = reduce(comm, x, codec=feedback, out=x if pipeline.aliased else None)
            results.append((output.copy(), feedback.residual().copy(), comm.report))
            assert sent_as_predicted(codec, comm.report)
        return results

    return list(chain(*skimp.run_threads(world_size, worker, timeout=60)))


def compare(pipeline: Pipeline, world_size: int, codec: str, inputs, reduce):
    """Runs the calls cut and whole; returns the reports of both."""
    cut = steps(pipeline, world_size, codec, inputs, reduce)
    whole = steps(Pipeline(), world_size, codec, inputs, reduce)
    for (output, left, report), expected in zip(cut, whole, strict=True):
        assert same_bits(output, expected[0])
        assert same_bits(left, expected[1])
        assert report.nonfinite == expected[2].nonfinite
    return [report for *_, report in cut], [report for *_, report in whole]


def arrays(data: str, count: int, dtype: str, world_size: int):
    return [
        [array(data, count, dtype, seed=[step, rank]) for rank in range(world_size)]
        for step in range(STEPS)
    ]


@parametrize(
    method=ALLREDUCES,
    segment=SEGMENTS,
    window=WINDOWS,
    threads=THREADS,
    world_size=(2, 3, 5),
    count=COUNTS,
    data=DATA,
    dtype=DTYPES,
    in_place=(False, True),
    aliased=(False, True),
)
def test_allreduce(
    method, segment, window, threads, world_size, count, data, dtype, in_place, aliased
):
    if method.refuses(count, world_size):
        return

    def reduce(comm, x, **arguments):
        return comm.allreduce(x, **arguments, **method.options())

    pipeline = Pipeline(segment, window, threads, in_place, aliased)
    compare(pipeline, world_size, method.codec, arrays(data, count, dtype, world_size), reduce)


@parametrize(
    codec=SLICEABLE,
    segment=SEGMENTS,
    window=WINDOWS,
    threads=THREADS,
    world_size=(2, 3, 5),
    share=(1, 31, 257, 1001),
    data=DATA,
    dtype=DTYPES,
    in_place=(False, True),
)
def test_reduce_scatter(codec, segment, window, threads, world_size, share, data, dtype, in_place):
    if exceeds(codec, share * world_size):
        return
    pipeline = Pipeline(segment, window, threads, in_place)
    inputs = arrays(data, share * world_size, dtype, world_size)
    compare(pipeline, world_size, codec, inputs, skimp.Communicator.reduce_scatter)


@pytest.mark.parametrize(
    ("count", "world_size"), [(3 * 2**18 + 5, 2), (STREAMED, 2), (STREAMED, 3)]
)
@pytest.mark.parametrize(
    ("codec", "algorithm"),
    [
        ("sign", "two_phase"),
        ("quantize(bits=4,rounding=stochastic)", "two_phase"),
        ("identity", "two_phase"),
        ("identity", "dense_direct"),
    ],
)
def test_what_is_large_enough_to_be_cut_at_first(codec, algorithm, count, world_size):
    def reduce(comm, x, **arguments):
        return comm.allreduce(x, algorithm=algorithm, **arguments)

    inputs = arrays("normal", count, "float32", world_size)
    pipeline = Pipeline(DEFAULT, threads=2, aliased=True)
    cut, whole = compare(pipeline, world_size, codec, inputs, reduce)
    at_least = 2 * (world_size - 1)
    assert {report.messages_sent for report in whole} == {at_least}
    assert min(report.messages_sent for report in cut) > at_least


THREE_WAYS = (
    Call("allreduce", "two_phase", "quantize(bits=8,block=32)"),
    Call("allreduce", "dense_direct", "identity"),
    Call("reduce_scatter", "direct", "sign(block=32)"),
)


@parametrize(
    call=THREE_WAYS,
    place=(0, 31, 32, 319, 320, 321, 600, 640, 928, 959),
    guilty=range(3),
    value=(np.nan, np.inf),
)
def test_one_segment_that_is_not_finite(call, place, guilty, value):
    """Whichever it is, its owner hears of it; in an allreduce everybody."""
    count, world_size = 960, 3

    def worker(comm):
        x = values(count, comm.rank)
        if comm.rank == guilty:
            x[place] = value
        noticed = []
        for segment in (32, 0):
            comm.set_pipeline(segment, 1)
            call(comm, x)
            noticed.append(comm.report.nonfinite)
        return noticed

    owner = place * world_size // count
    for rank, noticed in enumerate(skimp.run_threads(world_size, worker)):
        everybody = call.collective == "allreduce"
        assert noticed == [everybody or rank in (guilty, owner)] * 2


# ---- How it is cut ----


def frames_of(codec: str, back: str, count: int, world_size: int, segment: int) -> list[int]:
    """By rank: frames that it sends in a two-phase reduction whose shards are cut."""
    block = int(np.lcm(oracle.codec(codec).block, oracle.codec(back).block))
    step = -(-segment // block) * block if segment else count
    cut = [-(-(end - begin) // step) for begin, end in shards(count, world_size, block)]
    return [sum(cut) - own + (world_size - 1) * own for own in cut]


@pytest.mark.parametrize("segment", [0, 1, 256, 300, 1024, 5000, 2**64 - 1])
@pytest.mark.parametrize("world_size", [2, 3, 5])
@pytest.mark.parametrize(
    ("codec", "back"), [("quantize(bits=8)", "quantize(bits=8)"), ("sign(block=96)", "identity")]
)
def test_segments_are_whole_blocks(codec, back, world_size, segment):
    count = 20_001

    def worker(comm):
        comm.set_pipeline(segment)
        x, back_codec = np.ones(count, np.float32), skimp.codec(back)
        comm.allreduce(
            x, codec=skimp.codec(codec), broadcast_codec=back_codec, algorithm="two_phase"
        )
        return comm.report.messages_sent

    expected = frames_of(codec, back, count, world_size, min(segment, count))
    assert skimp.run_threads(world_size, worker) == expected


@pytest.mark.parametrize("codec", ["topk(density=0.1)", "quantize(bits=8)"])
@pytest.mark.parametrize("back", ["topk(density=0.1)", "quantize(bits=8)"])
def test_only_blockwise_codecs_are_cut(codec, back):
    def worker(comm):
        comm.set_pipeline(256)
        x = np.ones(10_000, np.float32)
        options = {"broadcast_codec": skimp.codec(back), "algorithm": "two_phase"}
        comm.allreduce(x, codec=skimp.codec(codec), **options)
        return comm.report.messages_sent

    whole = [2, 2]
    assert (skimp.run_threads(2, worker) == whole) == ("topk" in codec + back)


def sent(comm, count=10_000) -> int:
    comm.allreduce(np.ones(count, np.float32), codec=skimp.Sign(block=32))
    return comm.report.messages_sent


def test_parts_inherit_and_do_not_follow():
    def worker(comm):
        comm.set_pipeline(segment=512, window=1)
        part, cut = comm.split(color=0), sent(comm)
        comm.set_pipeline(segment=0)
        return cut, sent(part), sent(part.split(color=0)), sent(comm)

    for cut, part, part_of_part, whole in skimp.run_threads(2, worker):
        assert cut == part == part_of_part > 2 * whole


def test_plans_keep_what_they_were_made_with():
    def worker(comm):
        x = np.ones(10_000, np.float32)
        comm.set_pipeline(segment=512)
        plan = comm.plan_allreduce(like=x, codec=skimp.Sign(block=32))
        comm.set_pipeline(segment=0)
        plan.run(x)
        return plan.report.messages_sent, sent(comm)

    for planned, whole in skimp.run_threads(2, worker):
        assert planned > 2 * whole


@pytest.mark.parametrize("window", [0, -1, -(2**31)])
def test_a_window_of_nothing_is_refused(window):
    def worker(comm):
        comm.set_pipeline(segment=512)
        before = sent(comm)
        with pytest.raises(skimp.InvalidArgument, match=f"window = {window} must be at least 1"):
            comm.set_pipeline(segment=0, window=window)
        return before, sent(comm)

    for before, after in skimp.run_threads(2, worker):
        assert before == after > 2, "a call that raises changes nothing"


@pytest.mark.parametrize("arguments", [(-1,), (2**64,), (1.5,), ("64",), (64, 2**31), (64, None)])
def test_what_is_no_segment_or_window(arguments):
    def worker(comm):
        with pytest.raises((TypeError, skimp.InvalidArgument)) as caught:
            comm.set_pipeline(*arguments)
        return str(caught.value)

    assert "set_pipeline" in skimp.run_threads(1, worker)[0]


# ---- Ranks that differ, and fail ----


@parametrize(
    segments=((32, 64), (0, 32), (0, DEFAULT), (DEFAULT, 64), (2**64 - 1, 0)),
    world_size=(2, 3, 5),
    odd=("first", "last"),
    warm_ups=(0, 3),
    call=THREE_WAYS,
)
def test_ranks_with_other_segments(segments, world_size, odd, warm_ups, call):
    odd_rank = 0 if odd == "first" else world_size - 1

    def worker(comm):
        x = values(960, comm.rank)
        comm.set_pipeline(segments[1])
        for _ in range(warm_ups):
            call(comm, x)
        comm.set_pipeline(segments[0] if comm.rank == odd_rank else segments[1])
        call(comm, x)
        comm.barrier()

    for outcome in outcomes(world_size, worker, timeout=20):
        assert outcome.kind is skimp.MismatchError, outcome
        assert f"rank {odd_rank} " in outcome.message
        assert "segment = " in outcome.message
        assert outcome.seconds < PROMPT


def test_windows_may_differ():
    """They are how a rank sends, not what: no other rank needs to know."""
    inputs = arrays("normal", 5003, "float32", 3)

    def reduce(window_of):
        def worker(comm):
            comm.set_pipeline(64, window_of(comm.rank))
            codec = skimp.Quantize(4)
            return [comm.allreduce(inputs[s][comm.rank], codec=codec) for s in range(STEPS)]

        return skimp.run_threads(3, worker, timeout=60)

    alike, different = reduce(lambda rank: 4), reduce(lambda rank: (1, 100, 2)[rank])
    assert all(map(same_bits, chain(*alike), chain(*different)))


@dataclass(frozen=True)
class Piped(Call):
    segment: int
    window: int

    def __call__(self, comm, x, codec=None):
        comm.set_pipeline(self.segment, self.window)
        return super().__call__(comm, x, codec)


MANY = (  # Frames of one message, then of two.
    (Call("allreduce", "two_phase", "quantize(bits=8,block=32)"), 12_288, 64),
    (Call("allreduce", "dense_direct", "identity"), 12_288, 64),
    (Call("reduce_scatter", "direct", "sign(block=32)"), 12_288, 64),
    (Call("allreduce", "two_phase", "identity"), 98_304, 2048),
    (Call("allreduce", "dense_direct", "identity"), 98_304, 2048),
)


def piped(call: Call, segment: int, window: int) -> Piped:
    return Piped(call.collective, call.algorithm, call.codec, segment, window)


@pytest.mark.parametrize("kind", ["error", "corrupt"])
@pytest.mark.parametrize("window", [1, 4])
@pytest.mark.parametrize(("call", "count", "segment"), MANY, ids=str)
def test_a_fault_amid_many_segments(call, count, segment, window, kind):
    """At every so many exchanges, until the call is over before the fault."""
    call = piped(call, segment, window)
    healthy = run(call, count, 2, None, timeout=30)
    exchange = faults = 0
    while not check(run(call, count, 2, (1, kind, exchange), timeout=30), healthy, kind):
        exchange = 1 + exchange * 9 // 5
        faults += 1
    assert faults >= 5, "there should be many exchanges"


def test_silence_amid_many_segments():
    def is_over(call, count, exchange):
        healthy = run(call, count, 2, None, timeout=30)
        # Long enough for the calls before the fault, too, while 48 threads share a few cores.
        ranks = run(call, count, 2, (1, "silent", exchange), timeout=1.5)
        return check(ranks, healthy, "silent")

    cases = [
        (piped(call, segment, window), count, exchange)
        for call, count, segment in MANY
        for window in (1, 4)
        for exchange in (0, 1, 3, 10, 30, 70, 130)
    ]
    with ThreadPoolExecutor(16) as pool:  # they sleep most of the time
        assert not any(pool.map(lambda case: is_over(*case), cases))
