"""Local SGD and dynamic pruning through the C interface: the oracle's bits, and what is refused."""

from ctypes import byref, c_double

import numpy as np
import pytest
from skimp import _objects

from tests import oracle
from tests.capi import abi
from tests.capi.programs import run_program
from tests.collectives.methods import Method
from tests.comparing import same_bits
from tests.oracle import feedback as model
from tests.pairwise import parametrize
from tests.tables import DTYPES, array

COUNT, RANKS, ROUNDS = 1003, 3, 3
ISAS = tuple(_objects.isa_names().split(", "))


@pytest.fixture
def on_isa():
    """Uses another instruction set for the rest of a test."""
    before = _objects.isa()
    yield _objects.use_isa
    _objects.use_isa(before)


@pytest.fixture
def alone(lib):
    (communicator,) = lib.make_threads(1)
    yield communicator
    lib.communicator_destroy(communicator)


def at(values):
    return values.ctypes.data


# ---- Local SGD -----------------------------------------------------------------------------------


@parametrize(
    momentum=(0.0, 0.9),
    nesterov=(0, 1),
    learning_rate=(1.0, 0.7),
    dtype=DTYPES,
    method=(
        Method("identity", "dense_ring"),
        Method("topk(density=0.05)", "gather"),
        Method("topk(density=0.1,values=float16)", "two_phase", "quantize(bits=8,block=32)"),
        Method("sign", "two_phase"),
    ),
    isa=ISAS,
)
def test_local_sgd_has_the_oracles_bits(
    lib, on_isa, momentum, nesterov, learning_rate, dtype, method, isa
):
    on_isa(isa)
    kind, code = oracle.dtype(dtype), abi.DTYPES[dtype]
    wide = oracle.accumulator(kind)
    codec = lib.make("codec", method.codec.encode())
    back = lib.make("codec", method.back.encode()) if method.back else None
    begin = array("normal", COUNT, dtype)

    def moved(w, rank, number):
        step = 0.1 * array("normal", COUNT, "float64", seed=[number, rank])
        return oracle.narrow(oracle.widen(w) + step, kind)

    def train(communicator, rank):
        anchor, velocity = np.full(COUNT, 7, wide), np.full(COUNT, 7, wide)
        outer = {"momentum": momentum, "learning_rate": learning_rate, "nesterov": nesterov}
        local = abi.LocalSgd(anchor=at(anchor), velocity=at(velocity), **outer)
        residual = lib.make("residual", COUNT, code, 0)
        options = abi.Options(
            codec=codec,
            broadcast_codec=back,
            residual=residual,
            algorithm=method.algorithm.encode(),
        )
        w = begin.copy() if rank == 0 else np.zeros_like(begin)
        given = (communicator, byref(local), at(w), at(w), COUNT, code)
        statuses, results = [lib.local_sgd_start(*given)], []
        assert same_bits(w, begin) and same_bits(anchor, oracle.widen(begin))
        for number in range(ROUNDS):
            w[:] = moved(w, rank, number)
            statuses.append(lib.local_sgd_synchronise(*given, byref(options)))
            results.append((w.copy(), anchor.copy(), velocity.copy()))
        assert statuses == [abi.OK] * (1 + ROUNDS), lib.last_error_message()
        assert lib.residual_step(residual) == ROUNDS
        lib.residual_destroy(residual)
        return results

    ranks = lib.on_ranks(RANKS, train)
    expected = model.LocalSGD(begin, RANKS, momentum, learning_rate, nesterov)
    w = begin
    for number in range(ROUNDS):
        w = expected.synchronise(
            [moved(w, rank, number) for rank in range(RANKS)],
            lambda x, v: method.expected(x, residuals=v),
        )
        for results in ranks:
            for got, wanted in zip(
                results[number], (w, expected.anchor, expected.velocity), strict=True
            ):
                assert same_bits(got, wanted)
    lib.codec_destroy(codec)
    lib.codec_destroy(back)


def test_a_synchronisation_that_fails_changes_nothing(lib):
    def train(communicator, rank):
        anchor, velocity = np.ones(8, np.float32), np.ones(8, np.float32)
        local = abi.LocalSgd(anchor=at(anchor), velocity=at(velocity), momentum=0.5)
        w = np.full(8, np.nan if rank == 1 else 2, np.float32)
        before = w.copy()
        given = (communicator, byref(local), at(w), at(w), 8, abi.FLOAT32, None)
        assert lib.local_sgd_synchronise(*given) == abi.NONFINITE
        assert (anchor == 1).all() and (velocity == 1).all() and same_bits(w, before)
        w[:] = 2
        assert lib.local_sgd_synchronise(*given) == abi.OK
        return w

    for w in lib.on_ranks(RANKS, train):
        assert (w == 1 + (0.5 + 1)).all()


def test_local_sgd_through_variants(lib):
    """Any residual will do: EF21's estimates follow changes that stay the same."""

    def train(communicator, rank):
        anchor, velocity = np.zeros(8), np.zeros(8)
        local = abi.LocalSgd(anchor=at(anchor), velocity=at(velocity))
        residual = lib.make_variant("ef21", 8, abi.FLOAT64)
        codec = lib.make("codec", b"topk(k=4)")
        options = abi.Options(codec=codec, residual=residual, algorithm=b"gather")
        w = np.zeros(8)
        for _ in range(3):
            w += rank + 1
            given = (communicator, byref(local), at(w), at(w), 8, abi.FLOAT64)
            assert lib.local_sgd_synchronise(*given, byref(options)) == abi.OK
        lib.residual_destroy(residual)
        lib.codec_destroy(codec)
        return w

    assert (lib.on_ranks(RANKS, train)[0] == [6, 6, 6, 6, 4, 4, 4, 4]).all()


# ---- Dynamic pruning -----------------------------------------------------------------------------


@parametrize(
    sparsity=(0.0, 0.5, 0.95),
    warm_up=(0, 5),
    period=(1, 3),
    dtype=DTYPES,
    codec=(None, "quantize(bits=3,block=96)", "sign", "topk(density=0.02)", "dct(codec=topk(k=9))"),
    count=(0, 1, 1003, 140000),
    data=("normal", "ties", "with_nonfinite"),
    isa=ISAS,
)
def test_pruning_has_the_oracles_bits(
    lib, on_isa, sparsity, warm_up, period, dtype, codec, count, data, isa
):
    """Counts above and below the pieces in which weights pass through a codec."""
    on_isa(isa)
    kind = oracle.dtype(dtype)
    if codec is not None and (codec.startswith("dct") and count < 9):
        return
    made = None if codec is None else lib.make("codec", codec.encode())
    mask = np.full(count, 7, np.uint8)
    pruning = abi.Pruning(
        sparsity=sparsity, warm_up=warm_up, period=period, precision=made, mask=at(mask)
    )
    share = c_double()
    for step in range(4):
        weights = array(data, count, dtype, seed=step)
        if step % period == 0:
            dropped = model.pruned(count, sparsity, step, warm_up)
            kept = model.largest(weights, count - dropped)
        got = np.empty_like(weights)
        given = (byref(pruning), None, at(weights), at(got), count, abi.DTYPES[dtype])
        assert lib.pruning_step(*given) == abi.OK, lib.last_error_message()
        assert pruning.steps == step + 1 and (mask == kept).all()
        expected = np.where(kept, weights, np.zeros_like(weights)).astype(kind)
        if codec is not None:
            rule = oracle.codec(codec)
            payload = rule.payload(oracle.widen(expected), kind, oracle.Draws())
            expected = oracle.narrow(rule.decode(payload, count, kind), kind)
        assert same_bits(got, expected)
        assert lib.pruning_sparsity(byref(pruning), step, byref(share)) == abi.OK
        assert int(share.value * count) == model.pruned(count, sparsity, step, warm_up)
    lib.codec_destroy(made)


def test_masks_of_rank_0(lib):
    def prune(communicator, rank):
        mask, masks = np.empty(COUNT, np.uint8), []
        pruning = abi.Pruning(sparsity=0.9, period=2, mask=at(mask))
        for step in range(4):
            weights = array("normal", COUNT, "float32", seed=[step // 2, rank])
            got = np.empty_like(weights)
            given = (byref(pruning), communicator, at(weights), at(got), COUNT, abi.FLOAT32)
            assert lib.pruning_step(*given) == abi.OK, lib.last_error_message()
            assert same_bits(got, np.where(mask, weights, np.float32(0)))
            masks.append(mask.copy())
        return masks

    ranks = lib.on_ranks(RANKS, prune)
    for step in range(4):
        weights = array("normal", COUNT, "float32", seed=[step // 2, 0])
        expected = model.largest(weights, COUNT - int(0.9 * COUNT))
        assert all((masks[step] == expected).all() for masks in ranks)


# ---- Density warm-up -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("density", "first", "steps", "stages"),
    [(0.001, 0.25, 40, 4), (0.01, 0.16, 7, 2), (0.3, 0.3, 1, 1), (0.02, 1.0, 2**62, 3)],
)
def test_warm_up(lib, density, first, steps, stages):
    value = c_double()
    begins = [stage * steps // stages for stage in range(stages)]
    for step in {*begins, *(max(0, begin - 1) for begin in begins), steps - 1, steps, steps + 9}:
        stage = sum(begin <= step for begin in begins) - 1
        ratio = (density / first) ** (stage / stages)
        expected = density if step >= steps else float(f"{first * ratio:.6g}")
        assert lib.warm_up_density(density, first, steps, stages, step, byref(value)) == abi.OK
        assert value.value == expected


# ---- Refusals ------------------------------------------------------------------------------------


def test_what_is_refused(lib, alone):
    x, kept, mask = np.ones(8, np.float32), np.ones(8, np.float32), np.ones(8, np.uint8)
    out, codec = np.ones(8, np.float32), lib.make("codec", b"topk(k=9)")
    arrays = {"anchor": at(kept), "velocity": at(kept)}

    def synchronise(says, status=abi.INVALID_ARGUMENT, options=None, comm=alone, **fields):
        sizes = {"input": at(x), "output": at(x), "count": 8, "dtype": abi.FLOAT32}
        sizes |= {name: fields.pop(name) for name in tuple(fields) if name in sizes}
        local = abi.LocalSgd(**{**arrays, **fields})
        options = None if options is None else byref(abi.Options(**options))
        assert lib.local_sgd_synchronise(comm, byref(local), *sizes.values(), options) == status
        assert says in lib.last_error_message()

    synchronise("communicator is NULL", comm=None)
    synchronise("local_sgd_bytes = 1", local_sgd_bytes=1)
    synchronise("momentum = 1 is not", momentum=1.0)
    synchronise("momentum = nan", momentum=float("nan"))
    synchronise("learning_rate = 0 is not", learning_rate=0.0)
    synchronise("learning_rate = inf", learning_rate=float("inf"))
    synchronise("anchor is NULL", anchor=None)
    synchronise("velocity is NULL", velocity=None)
    synchronise("input is NULL", input=None)
    synchronise("output is NULL", output=None)
    synchronise("exceeds", count=(1 << 60) + 1)
    synchronise("dtype = 9", abi.UNSUPPORTED_TYPE, dtype=9)
    synchronise("op must be SKIMP_MEAN", options={"op": 1})
    synchronise("nonfinite not SKIMP_SKIP", options={"nonfinite": 2})
    synchronise("options_bytes", options={"options_bytes": 1})
    synchronise("k = 9 exceeds count = 8", options={"codec": codec})
    missing = lib.local_sgd_start(alone, None, at(x), at(x), 8, abi.FLOAT32)
    assert missing == abi.INVALID_ARGUMENT and "local is NULL" in lib.last_error_message()

    def prune(says, status=abi.INVALID_ARGUMENT, **fields):
        sizes = {"input": at(x), "output": at(out), "count": 8, "dtype": abi.FLOAT32}
        sizes |= {name: fields.pop(name) for name in tuple(fields) if name in sizes}
        pruning = abi.Pruning(**{"sparsity": 0.5, "mask": at(mask), **fields})
        assert lib.pruning_step(byref(pruning), None, *sizes.values()) == status
        assert says in lib.last_error_message()
        assert pruning.steps == 0 and (mask == 1).all()

    prune("pruning_bytes = 1", pruning_bytes=1)
    prune("sparsity = 1 is not", sparsity=1.0)
    prune("sparsity = nan", sparsity=float("nan"))
    prune("period = 0", period=0)
    prune("warm_up = -1", warm_up=-1)
    prune("mask is NULL", mask=None)
    prune("input is NULL", input=None)
    prune("output is NULL", output=None)
    prune("exceeds", count=(1 << 60) + 1)
    prune("dtype = 9", abi.UNSUPPORTED_TYPE, dtype=9)
    prune("k = 9 exceeds count = 8", precision=codec)
    assert lib.pruning_step(None, None, at(x), at(out), 8, abi.FLOAT32) == abi.INVALID_ARGUMENT
    assert "pruning is NULL" in lib.last_error_message()
    assert lib.pruning_sparsity(byref(abi.Pruning()), 0, None) == abi.INVALID_ARGUMENT

    value = c_double()
    for arguments, says in (
        ((0.5, 0.25, 8, 4), "got 0.5 and 0.25"),
        ((0.0, 0.25, 8, 4), "got 0 and 0.25"),
        ((0.5, 1.5, 8, 4), "got 0.5 and 1.5"),
        ((float("nan"), 0.25, 8, 4), "got nan"),
        ((0.1, 0.25, 3, 4), "stages = 4, steps = 3"),
        ((0.1, 0.25, 8, 0), "stages = 0"),
    ):
        assert lib.warm_up_density(*arguments, 0, byref(value)) == abi.INVALID_ARGUMENT
        assert says in lib.last_error_message()
    assert lib.warm_up_density(0.1, 0.2, 8, 4, 0, None) == abi.INVALID_ARGUMENT
    lib.codec_destroy(codec)


PROGRAM = r"""
#include <skimp/skimp.hpp>
#include <thread>

namespace api = skimp::api;

template <class Call>
int refused(Call&& call) {
  try {
    call();
  } catch (const api::Error& error) {
    return error.status() != SKIMP_INVALID_ARGUMENT;
  }
  return 1;
}

int main() {
  auto ranks = api::Communicator::threads(2);
  const api::Codec half("float(format=bfloat16)");
  std::vector<int> wrong(2);
  auto worker = [&](std::size_t r) {
    api::LocalSgd local(3, {.momentum = 0.5});
    std::vector<float> w(2, static_cast<float>(r + 1)), other(3);
    wrong[r] += refused([&] { local.synchronise(ranks[r], w); });
    local.start(ranks[r], w);
    wrong[r] += w != std::vector<float>{1, 1};
    for (int step = 1; step <= 6; ++step) {
      for (float& x : w) x += static_cast<float>(r);
      wrong[r] += local.step(ranks[r], w) != (step % 3 == 0);
    }
    wrong[r] += w != std::vector<float>{4.75, 4.75} || local.steps() != 6;
    wrong[r] += refused([&] { local.synchronise(ranks[r], other); });
    api::LocalSgd resumed(3, {.momentum = 0.5});
    resumed.resume(local.anchor(), local.velocity(), 2, SKIMP_FLOAT32, local.steps());
    auto same = w;
    for (int step = 7; step <= 9; ++step) local.step(ranks[r], w);
    for (int step = 7; step <= 9; ++step) resumed.step(ranks[r], same);
    wrong[r] += same != w || w == std::vector<float>{4.75, 4.75} || resumed.steps() != 9;

    api::DynamicPruning pruning(0.5, 1, 0, &half);
    std::vector<double> dense = {1, -4 - static_cast<double>(r), 3, 2}, sparse(4);
    pruning.step(dense, sparse, &ranks[r]);
    wrong[r] += sparse != std::vector<double>{0, dense[1], 3, 0} || pruning.steps() != 1;
    wrong[r] += pruning.mask() != std::vector<std::uint8_t>{0, 1, 1, 0};
    wrong[r] += refused([&] { pruning.step(other, other); });
    api::DynamicPruning again(0.5, 2);
    again.resume({1, 1, 0, 0}, 1);
    again.step(dense, sparse);
    wrong[r] += sparse != std::vector<double>{1, dense[1], 0, 0};
    wrong[r] += refused([&] { pruning.step(dense, std::vector<double>(3)); });
    wrong[r] += refused([] { api::DynamicPruning(1.0); }) + refused([] { api::LocalSgd(0); });
    wrong[r] += api::warm_up_density(0.001, 40, 39) != 0.00397635;
  };
  std::thread other(worker, 1);
  worker(0);
  other.join();
  return wrong[0] + wrong[1];
}
"""


def test_cpp(tmp_path):
    run_program(PROGRAM, tmp_path)
