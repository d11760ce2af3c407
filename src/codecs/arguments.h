/// \file
/// The text of a codec, "name(key=value,key=value)", taken apart and checked. A value may be the
/// text of another codec.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace skimp {

/// A codec takes what it knows; `finish` refuses what is left. Messages begin with the name.
class Arguments {
 public:
  /// Throws InvalidArgument when `text` is not of the form above.
  explicit Arguments(std::string_view text);

  const std::string& name() const { return name_; }

  std::optional<double> take_number(const std::string& key);
  std::optional<std::uint64_t> take_integer(const std::string& key);

  /// One of `choices`, the first by default.
  std::string take_choice(const std::string& key, std::initializer_list<const char*> choices);

  /// The value as it stands, of a form that the codec reads itself.
  std::optional<std::string> take_text(const std::string& key) { return take(key); }

  /// The argument `block`, or another of its kind: a multiple of 32 from 32 to 8192.
  std::uint64_t take_block(std::uint64_t by_default, const std::string& key = "block");

  void finish() const;

 private:
  std::optional<std::string> take(const std::string& key);

  std::string name_;
  std::map<std::string, std::string> values_;
  std::string known_;
};

/// The shortest text that reads back as the same number.
std::string text_of(double number);

/// Throws CorruptPayload unless `block` is one that `take_block` accepts.
void require_block(const char* codec, std::uint64_t block);

}  // namespace skimp
