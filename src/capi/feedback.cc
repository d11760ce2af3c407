/// Variants of error feedback in the C ABI.
#include "capi/guard.h"
#include "capi/objects.h"
#include "feedback/ef21.h"
#include "feedback/momentum.h"

using skimp::require;
using skimp::capi::checked_count;
using skimp::capi::checked_dtype;
using skimp::capi::guard;
using skimp::capi::require_pointer;

namespace {

skimp_residual* make(uint64_t count, skimp_dtype dtype, std::unique_ptr<skimp::Variant> variant) {
  return new skimp_residual{{count, checked_dtype(dtype), false}, std::move(variant)};
}

}  // namespace

skimp_status skimp_residual_create_ef21(uint64_t count, skimp_dtype dtype,
                                        skimp_residual** residual) {
  return guard([&] {
    require_pointer(residual, "residual");
    *residual = make(count, dtype, skimp::make_ef21(checked_count(count), checked_dtype(dtype)));
  });
}

skimp_status skimp_residual_create_momentum(uint64_t count, skimp_dtype dtype, double momentum,
                                            double clip, int masking, skimp_residual** residual) {
  return guard([&] {
    require_pointer(residual, "residual");
    *residual = make(count, dtype,
                     skimp::make_momentum(checked_count(count), checked_dtype(dtype),
                                          {momentum, clip, masking != 0}));
  });
}

skimp_status skimp_residual_save_array(const skimp_residual* residual, const char* name,
                                       void* values, uint64_t count) {
  return guard([&] {
    require_pointer(residual, "residual");
    require_pointer(name, "name");
    if (count > 0) require_pointer(values, "values");
    require(residual->variant != nullptr, "residual: has no array ", name);
    residual->variant->save(name, values, count);
  });
}

void* skimp_residual_array(skimp_residual* residual, const char* name) {
  const bool has_arrays = residual->variant != nullptr && name != nullptr;
  return has_arrays ? residual->variant->array(name) : nullptr;
}
