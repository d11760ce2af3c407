/// \file
/// ArcTopK: the largest rows of the *sum* over all ranks, chosen by a small sketch of it, so that
/// all ranks keep the same rows, no indices are sent and sums need no decoding.
///
/// An array is rows of `row` elements, one after the other. Its sketch has `sketch` numbers a row:
/// the row's products with random vectors of −1 and 1, which all ranks share and which change from
/// call to call; so the sketch of a sum is the sum of sketches, and a row's numbers are as large as
/// the row on average (Johnson and Lindenstrauss). Ranks reduce their sketches, each finds the rows
/// with the largest ones, and they reduce those rows.
///
/// Paper: ARC-Top-K (arXiv 2510.26709), for matrices. Where we differ: any array, cut into rows of
/// a given length; signs in place of normal numbers, which would ask for transcendental functions.
#pragma once

#include "codecs/arguments.h"
#include "codecs/codec.h"

namespace skimp {

/// "arc_topk(density=0.01,row=512,sketch=4,seed=0)": density of the rows, or k=, a number of rows;
/// row a multiple of 32 up to 8192; sketch from 1 to 16.
CodecPtr make_arc_topk(Arguments& arguments);
CodecPtr arc_topk_from_parameter(std::uint64_t parameter);

}  // namespace skimp
