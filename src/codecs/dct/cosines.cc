#include "codecs/dct/cosines.h"

#include <cmath>

namespace skimp::dct {
namespace {

/// From the two ends, by halves: cos((a + b) / 2) = (cos a + cos b) / (2·cos((b − a) / 2)).
std::array<double, largest_chunk + 1> make_quarter_wave() {
  std::array<double, largest_chunk + 1> wave{};
  wave[0] = 1;
  double of_step = 0;  // cos(π·step / 512), of the last step
  for (std::size_t step = largest_chunk / 2; step > 0; step /= 2) {
    of_step = std::sqrt((1 + of_step) / 2);
    for (std::size_t m = step; m < largest_chunk; m += 2 * step) {
      wave[m] = (wave[m - step] + wave[m + step]) / (2 * of_step);
    }
  }
  return wave;
}

}  // namespace

const std::array<double, largest_chunk + 1>& quarter_wave() {
  static const auto wave = make_quarter_wave();
  return wave;
}

}  // namespace skimp::dct
