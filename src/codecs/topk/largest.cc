#include "codecs/largest.h"

#include <cstring>

#include "codecs/topk/selection.h"
#include "device/buffer.h"

namespace skimp {

void mark_largest(const void* values, std::uint64_t count, DType dtype, std::uint64_t k,
                  std::uint8_t* mask) {
  if (count == 0) return;
  std::memset(mask, k == count, count);
  if (k == 0 || k == count) return;
  on_isa([&](auto isa) {
    visit_accumulator(dtype, [&](auto value) {
      using Selection = topk::Selection<decltype(isa)::value, decltype(value)>;
      const Buffer workspace(Selection::workspace_bytes(count, k));
      EncodeJob job;
      job.input = values;
      job.dtype = dtype;
      job.count = count;
      job.workspace = workspace.data();
      Selection selection(job, k);
      selection.for_each_kept([&](std::uint64_t base, const auto& kept) {
        for (std::uint64_t j = 0; j < kept.size; ++j) mask[base + kept.indices[j]] = 1;
      });
    });
  });
}

}  // namespace skimp
