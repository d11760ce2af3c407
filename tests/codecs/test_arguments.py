"""Codecs refuse what they cannot mean, and say so in the values."""

import numpy as np
import pytest
import skimp

from tests.tables import CODECS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing",
        "Sign",
        "sign(",
        "sign)",
        "sign()x",
        "sign(block)",
        "sign(block=)",
        "sign(block=0)",
        "sign(block=33)",
        "sign(block=16384)",
        "sign(block=-32)",
        "sign(block=32.5)",
        "sign(block=32,block=64)",
        "sign(blocks=32)",
        "quantize(bits=1)",
        "quantize(bits=5)",
        "quantize(bits=4,block=100)",
        "quantize(bits=4,rounding=up)",
        "quantize(bits=4,rounding=stochastic,seed=-1)",
        "topk",
        "topk(density=0)",
        "topk(density=-0.1)",
        "topk(density=1.5)",
        "topk(density=nan)",
        "topk(density=0.1,k=3)",
        "topk(k=-1)",
        "topk(k=1,values=float64)",
        "arc_topk",
        "arc_topk(density=0.1,row=33)",
        "arc_topk(density=0.1,sketch=0)",
        "arc_topk(density=0.1,sketch=17)",
        "random_k",
        "random_k(density=0)",
        "random_k(k=99999999999999999999)",
        "float(format=e3m4)",
        "float(format=float32)",
        "float(block=48)",
        "natural(bits=9)",
        "ternary(block=31)",
        "block_topk",
        "block_topk(k=0)",
        "block_topk(k=2000)",
        "dct",
        "dct(codec=)",
        "dct(codec=topk)",
        "dct(codec=sign)",
        "dct(codec=dct(codec=topk(k=1)))",
        "dct(codec=topk(k=1),chunk=4)",
        "dct(codec=topk(k=1),chunk=96)",
        "dct(codec=topk(k=1),chunk=512)",
        "dct(codec=topk(k=1)",
        "dct(codec=topk(k=1)),chunk=8)",
        "dct(codec=topk(k=1,chunk=8))",
        "dct(k=1)",
        "threshold",
        "threshold()",
        "threshold(magnitude=0)",
        "threshold(magnitude=-1)",
        "threshold(magnitude=inf)",
        "threshold(magnitude=nan)",
        "threshold(fraction=0)",
        "threshold(fraction=1.5)",
        "threshold(fraction=nan)",
        "threshold(magnitude=1,fraction=0.5)",
        "threshold(magnitude=1,values=float64)",
        "threshold(k=3)",
        "block_topk(density=0.1,k=3)",
        "block_topk(density=0.1,values=e4m3)",
        "ternary(rounding=nearest)",
        "natural(rounding=down)",
    ],
)
def test_bad_text(text):
    with pytest.raises(skimp.InvalidArgument):
        skimp.codec(text)


@pytest.mark.parametrize("text", CODECS)
def test_full_text_makes_the_same_codec(text):
    codec = skimp.codec(text)
    assert skimp.codec(codec.text) == codec
    assert skimp.codec(codec.text).text == codec.text


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("dtype", ["int32", "uint8", "complex64", "bool", ">f4", "object"])
def test_other_types_are_refused(codec, dtype):
    with pytest.raises(skimp.UnsupportedType):
        skimp.codec(codec).encode(np.zeros(10, dtype))


@pytest.mark.parametrize("codec", CODECS)
def test_decoding_into_another_count_or_type(codec):
    payload = skimp.codec(codec).encode(np.ones(10, np.float32))
    with pytest.raises(skimp.InvalidArgument):
        skimp.decode(payload, like=np.ones(11, np.float32))
    with pytest.raises(skimp.UnsupportedType):
        skimp.decode(payload, like=np.ones(10, np.float64))


@pytest.mark.parametrize(
    ("codec", "values"), [("topk(k=12)", "k = 12 exceeds count = 8"), ("random_k(k=9)", "k = 9")]
)
def test_messages_have_the_values(codec, values):
    with pytest.raises(skimp.InvalidArgument, match=values):
        skimp.codec(codec).encode(np.ones(8, np.float32))


@pytest.mark.parametrize(("count", "dtype"), [(9, "float32"), (10, "float64")])
def test_residual_that_does_not_fit(count, dtype):
    residual = skimp.Residual(count, dtype)
    with pytest.raises((skimp.InvalidArgument, skimp.UnsupportedType)):
        skimp.Sign().encode(np.ones(10, np.float32), residual=residual)
    assert residual.step == 0 and not residual.values.any()
