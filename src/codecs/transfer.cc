#include "codecs/transfer.h"

#include "base/isa.h"
#include "codecs/elements.h"

namespace skimp {
namespace {

template <bool checked>
bool transfer(const Transfer& job) {
  return on_isa([&](auto) {
    return visit_accumulator(job.dtype, [&](auto value) {
      using Value = decltype(value);
      const Source<Value> source(job.input, job.dtype, job.residual);
      const Source<Value> sent(job.output.data, job.output.dtype);
      const Sink<Value> sink(job.output), rest(job.rest);
      alignas(64) Value tile[tile_elements];
      bool finite = true;
      if (checked && job.rest.data == nullptr) {
        // One pass takes half the time of several over tiles. It leaves NaN as they are, which
        // those who deliver or encode a sum do not.
        const auto look = [&](const auto& sums) {
          finite = is_finite(largest_magnitude(sums, job.count));
        };
        if (source.visit_sums(sink.place(), job.output.add, look)) return finite;
      }
      for_each_tile(source, job.count,
                    [&](std::uint64_t begin, std::uint64_t n, const Value* values) {
                      if (checked) finite &= all_finite(values, n);
                      sink.put(begin, n, values);
                      if (job.rest.data == nullptr) return;
                      put_residual(rest, begin, n, values, sent.load(begin, n, tile));
                    });
      return finite;
    });
  });
}

}  // namespace

bool transfer_checked(const Transfer& job) { return transfer<true>(job); }

void transfer_values(const Transfer& job) { transfer<false>(job); }

}  // namespace skimp
