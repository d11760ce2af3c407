// Instruction sets against each other: random arrays through random codecs, where every set must
// write the same frame, leave the same residual and read the same values as the first, scalar.
//
//   isa_fuzz SEED INPUTS [LARGEST [GROUP]]
//
// An input is one encode; it is encoded and decoded under every set. LARGEST bounds the elements
// (40000). Inputs come in groups that share a codec and a residual; with GROUP that one alone runs.

#include <skimp/skimp.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <string>
#include <vector>

namespace {

using Bytes = std::vector<unsigned char>;

/// splitmix64: a group costs no more to seed than to run.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t bits() {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
  }
  std::uint64_t below(std::uint64_t end) { return bits() % end; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }

 private:
  std::uint64_t state_;
};

/// An element type as fields of bits.
struct Type {
  skimp_dtype dtype;
  int bytes, fraction_bits, exponent_bits;

  std::uint64_t largest_exponent() const { return (std::uint64_t{1} << exponent_bits) - 1; }
  std::uint64_t one() const { return largest_exponent() / 2; }
};
constexpr Type types[] = {{SKIMP_FLOAT32, 4, 23, 8},
                          {SKIMP_FLOAT16, 2, 10, 5},
                          {SKIMP_BFLOAT16, 2, 7, 8},
                          {SKIMP_FLOAT64, 8, 52, 11}};

enum Kind { normal, any, finite, few, equal, zeros, denormal, huge, sprinkled, scaled, mixed };

/// Writes elements of one kind of data.
class Writer {
 public:
  Writer(Random& random, const Type& type) : random_(random), type_(type) {
    for (std::uint64_t& bits : palette_) bits = make(random_.one_in(4) ? any : normal);
  }

  void fill(Bytes& to, std::uint64_t count) {
    const Kind kind = static_cast<Kind>(random_.below(mixed + 1));
    Kind now = kind;
    for (std::uint64_t i = 0; i < count; ++i) {
      if (kind == mixed && (i == 0 || random_.one_in(50))) {
        now = static_cast<Kind>(random_.below(mixed));
      }
      const std::uint64_t bits = make(now);
      std::memcpy(to.data() + i * static_cast<std::uint64_t>(type_.bytes), &bits,
                  static_cast<std::size_t>(type_.bytes));  // little endian, as all of Skimp
    }
  }

 private:
  std::uint64_t make(Kind kind) {
    const std::uint64_t random = random_.bits(), last = type_.largest_exponent();
    const auto element = [&](std::uint64_t exponent) {
      const std::uint64_t fraction = random & ((std::uint64_t{1} << type_.fraction_bits) - 1);
      const std::uint64_t sign = (random >> 63) << (type_.fraction_bits + type_.exponent_bits);
      return sign | exponent << type_.fraction_bits | fraction;
    };
    const std::uint64_t small = random >> 53 & 1023;
    switch (kind) {
      case any: return random;
      case finite: return element(small % last);
      case few: return palette_[small % 4];
      case equal: return palette_[0];
      case zeros: return small < 16 ? element(type_.one()) : element(0) >> 63 << 63;
      case denormal: return element(0);
      case huge: return element(last - 1 - small % 2);
      case sprinkled: return element(small < 8 ? last : type_.one() - small % 4);
      case scaled: return element(type_.one() + 12 - small % 8);
      default: return element(type_.one() + 2 - small % 8);
    }
  }

  Random& random_;
  const Type& type_;
  std::uint64_t palette_[4] = {};
};

template <class... Parts>
std::string text(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

std::string random_budget(Random& random, std::uint64_t count) {
  // Sometimes one more than there are, which every set must refuse.
  if (random.one_in(3)) return text("k=", 1 + random.below(count + 2));
  constexpr const char* densities[] = {"0.0001", "0.001", "0.01", "0.05",
                                       "0.1",    "0.125", "0.3",  "1"};
  return text("density=", densities[random.below(std::size(densities))]);
}

std::string random_codec(Random& random, std::uint64_t count) {
  const std::uint64_t block = 32 * (random.one_in(2) ? 1 + random.below(8) : 1 + random.below(256));
  switch (random.below(17)) {
    case 0: return "identity";
    case 1: return text("random_k(", random_budget(random, count), ",seed=", random.bits(), ")");
    case 2: return text("sign(block=", block, ")");
    case 3:
    case 4: {
      constexpr int widths[] = {8, 4, 3, 2};
      const std::string how = random.one_in(2) ? "nearest" : text("stochastic,seed=", block);
      return text("quantize(bits=", widths[random.below(4)], ",block=", block, ",rounding=", how,
                  ")");
    }
    case 5: {
      const std::string how = random.one_in(2) ? "nearest" : text("stochastic,seed=", block);
      return text("natural(block=", block, ",rounding=", how, ")");
    }
    case 6: return text("ternary(block=", block, ")");
    case 7: {
      constexpr const char* formats[] = {"float32", "float16", "bfloat16"};
      return text("block_topk(k=", 1 + random.below(random.one_in(4) ? block : 1 + block / 32),
                  ",block=", block, ",values=", formats[random.below(3)], ")");
    }
    case 8: {
      constexpr const char* formats[] = {"e4m3", "e5m2", "float16", "bfloat16"};
      return text("float(format=", formats[random.below(4)], ",block=", block, ")");
    }
    case 9:
      return text("arc_topk(density=", random.one_in(2) ? "0.1" : "0.6", ",row=", block,
                  ",sketch=", 1 + random.below(4), ")");
    case 10: {
      const std::uint64_t rows = 1 + random.below(60), columns = count / rows;
      return text("lowrank(rank=", 1 + random.below(random.one_in(4) ? 32 : 4), ",shapes=", rows,
                  'x', columns, '+', count - rows * columns, ")");
    }
    case 11: {
      constexpr const char* formats[] = {"float32", "float16", "bfloat16"};
      constexpr const char* limits[] = {"1e-40", "1e-5", "0.01", "0.1", "0.5", "1"};
      return text("threshold(", random.one_in(2) ? "magnitude=" : "fraction=",
                  limits[random.below(std::size(limits))], ",values=", formats[random.below(3)],
                  ")");
    }
    case 12:
    case 13: {
      const bool of_block = random.one_in(2);
      const std::string budget = of_block ? "density=0.1" : random_budget(random, count);
      return text("dct(codec=", of_block ? "block_topk(" : "topk(", budget,
                  random.one_in(2) ? ",values=float16" : "", "),chunk=", 8 << random.below(6), ")");
    }
    default: {
      constexpr const char* formats[] = {"float32", "float16", "bfloat16"};
      return text("topk(", random_budget(random, count), ",values=", formats[random.below(3)], ")");
    }
  }
}

[[noreturn]] void stop(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  std::exit(1);
}

void require(skimp_status status) {
  if (status != SKIMP_OK) stop(skimp_last_error_message());
}

/// Everything that one set makes of an input.
struct Made {
  skimp_residual* residual = nullptr;
  Bytes frame, values;
  std::string refused;
};

/// A few consecutive encodes.
class Group {
 public:
  Group(std::uint64_t seed, std::uint64_t number, std::uint64_t largest,
        const std::vector<std::string>& sets)
      : random_(Random(seed).bits() ^ Random(~number).bits()),
        name_(text("seed ", seed, ", group ", number, ": ")),
        sets_(sets),
        type_(types[random_.below(4)]),
        like_(type_),
        made_(sets.size()) {
    count_ = random_.below(std::uint64_t{2} << random_.below(std::bit_width(largest)));
    count_ = std::min(count_, largest);
    const std::string codec = random_codec(random_, count_);
    feedback_ = random_.below(3);
    if (type_.bytes < 8 && random_.one_in(4)) like_ = types[random_.below(3)];
    name_ += text(codec, " of ", count_, " elements of dtype ", type_.dtype, " to dtype ",
                  like_.dtype, ", feedback ", feedback_, ", ");
    require(skimp_codec_create(codec.c_str(), &codec_));
    if (feedback_ > 0) make_residuals();
  }
  ~Group() {
    for (Made& made : made_) skimp_residual_destroy(made.residual);
    skimp_codec_destroy(codec_);
  }
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  /// Returns how many inputs that were, and counts those that were refused.
  std::uint64_t run(std::uint64_t& refused) {
    const std::uint64_t steps = 1 + random_.below(4);
    Writer writer(random_, type_);
    for (std::uint64_t step = 0; step < steps; ++step) {
      // Elements, and frames even more so, lie at odd places.
      const std::uint64_t at = random_.below(4), frame_at = random_.below(8);
      Bytes elements(count_ * bytes_of(type_)), input(elements.size() + at * bytes_of(type_));
      writer.fill(elements, count_);
      std::copy(elements.begin(), elements.end(), input.end() - std::ssize(elements));
      const unsigned char* begin = input.data() + at * bytes_of(type_);
      for (std::size_t set = 0; set < sets_.size(); ++set) {
        require(skimp_use_isa(sets_[set].c_str()));
        pass(made_[set], begin, frame_at, at);
        if (set > 0) compare(set, step);
      }
      refused += !made_[0].refused.empty();
    }
    return steps;
  }

 private:
  static std::uint64_t bytes_of(const Type& type) { return static_cast<std::uint64_t>(type.bytes); }

  void make_residuals() {
    const Type& wide = type_.bytes == 8 ? types[3] : types[0];
    residual_bytes_ = count_ * bytes_of(wide);
    Bytes start(residual_bytes_);
    if (random_.one_in(2)) Writer(random_, wide).fill(start, count_);
    for (Made& made : made_) {
      require(skimp_residual_create(count_, type_.dtype, feedback_ == 2, &made.residual));
      require(skimp_residual_load(made.residual, start.data(), count_, 0));
    }
  }

  void pass(Made& made, const void* input, std::uint64_t frame_at, std::uint64_t values_at) {
    const auto refuse = [&] {
      made.refused = skimp_last_error_message();
      made.frame.clear(), made.values.clear();
    };
    std::uint64_t bytes = 0;
    if (skimp_frame_bytes(codec_, count_, type_.dtype, &bytes) != SKIMP_OK) return refuse();
    made.frame.assign(frame_at + bytes, 0xA5);
    made.values.assign((values_at + count_) * bytes_of(like_), 0xA5);
    unsigned char* frame = made.frame.data() + frame_at;
    if (skimp_encode(codec_, input, count_, type_.dtype, made.residual, frame, bytes, &bytes) !=
        SKIMP_OK) {
      return refuse();
    }
    made.frame.resize(frame_at + bytes);
    unsigned char* values = made.values.data() + values_at * bytes_of(like_);
    require(skimp_decode(frame, bytes, values, count_, like_.dtype));
  }

  void compare(std::size_t set, std::uint64_t step) {
    const Made &a = made_[0], &b = made_[set];
    const auto differ = [&](const char* what, std::size_t byte) {
      stop(text(name_, "step ", step, ": ", what, " of ", sets_[set], " differs from that of ",
                sets_[0], " at byte ", byte));
    };
    const auto same = [&](const char* what, const Bytes& x, const Bytes& y) {
      if (x.size() != y.size()) differ(what, std::min(x.size(), y.size()));
      const auto [at, other] = std::mismatch(x.begin(), x.end(), y.begin());
      if (at != x.end()) differ(what, static_cast<std::size_t>(at - x.begin()));
    };
    if (a.refused != b.refused) differ("the refusal", 0);
    same("the frame", a.frame, b.frame);
    same("what is decoded", a.values, b.values);
    if (feedback_ == 0 || residual_bytes_ == 0) return;
    const auto* left = static_cast<const unsigned char*>(skimp_residual_data(a.residual));
    const auto* right = static_cast<const unsigned char*>(skimp_residual_data(b.residual));
    if (std::memcmp(left, right, residual_bytes_) == 0) return;
    const auto [at, other] = std::mismatch(left, left + residual_bytes_, right);
    differ("the residual", static_cast<std::size_t>(at - left));
  }

  Random random_;
  std::string name_;
  const std::vector<std::string>& sets_;
  Type type_, like_;
  std::uint64_t count_ = 0, feedback_ = 0, residual_bytes_ = 0;
  skimp_codec* codec_ = nullptr;
  std::vector<Made> made_;
};

std::uint64_t number(const char* words) { return std::strtoull(words, nullptr, 10); }

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3 || argc > 5) stop("usage: isa_fuzz SEED INPUTS [LARGEST [GROUP]]");
  const std::uint64_t seed = number(argv[1]), inputs = number(argv[2]);
  const std::uint64_t largest = argc > 3 ? number(argv[3]) : 40000;
  std::vector<std::string> sets;
  std::string names = skimp_isa_names();
  std::replace(names.begin(), names.end(), ',', ' ');
  std::istringstream words(names);
  for (std::string name; words >> name;) sets.push_back(name);

  std::uint64_t done = 0, refused = 0, group = argc > 4 ? number(argv[4]) : 0;
  do {
    done += Group(seed, group, largest, sets).run(refused);
    ++group;
  } while (argc < 5 && done < inputs);
  std::printf("%llu inputs, %llu refused, the same under %s\n",
              static_cast<unsigned long long>(done), static_cast<unsigned long long>(refused),
              skimp_isa_names());
  return 0;
}
