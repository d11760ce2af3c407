#include "codecs/arguments.h"

#include <charconv>

#include "base/error.h"
#include "codecs/blocks.h"

namespace skimp {
namespace {

std::string_view trimmed(std::string_view part) {
  const auto begin = part.find_first_not_of(' ');
  if (begin == std::string_view::npos) return {};
  return part.substr(begin, part.find_last_not_of(' ') - begin + 1);
}

/// Where the first argument of a list ends: at a comma, but not one of the arguments of a codec
/// that is itself an argument.
std::string_view::size_type end_of_first(std::string_view list) {
  int depth = 0;
  for (std::string_view::size_type i = 0; i < list.size(); ++i) {
    if (list[i] == ',' && depth == 0) return i;
    depth += (list[i] == '(') - (list[i] == ')');
  }
  return std::string_view::npos;
}

template <class Number>
Number parse(const std::string& name, const std::string& key, const std::string& value,
             const char* kind) {
  Number number{};
  const char* end = value.data() + value.size();
  const auto result = std::from_chars(value.data(), end, number);
  require(result.ec == std::errc() && result.ptr == end, name, ": ", key, " = ", value, " is not ",
          kind);
  return number;
}

bool is_block(std::uint64_t block) {
  return block >= 32 && block <= largest_block && block % 32 == 0;
}

}  // namespace

Arguments::Arguments(std::string_view text) {
  const auto open = text.find('(');
  name_ = trimmed(text.substr(0, open));
  require(!name_.empty(), "codec: '", text, "' has no name; expected name(key=value,...)");
  if (open == std::string_view::npos) return;
  std::string_view rest = trimmed(text.substr(open + 1));
  require(!rest.empty() && rest.back() == ')', "codec: '", text, "' does not end with ')'");
  rest.remove_suffix(1);
  while (!trimmed(rest).empty()) {
    const auto comma = end_of_first(rest);
    const std::string_view pair = rest.substr(0, comma);
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
    const auto equals = pair.find('=');
    require(equals != std::string_view::npos, name_, ": '", pair, "' is not key=value");
    const std::string key(trimmed(pair.substr(0, equals)));
    const bool fresh = values_.emplace(key, trimmed(pair.substr(equals + 1))).second;
    require(fresh, name_, ": ", key, " is given twice");
  }
}

std::optional<std::string> Arguments::take(const std::string& key) {
  known_ += (known_.empty() ? "" : ", ") + key;
  const auto found = values_.find(key);
  if (found == values_.end()) return std::nullopt;
  std::string value = found->second;
  values_.erase(found);
  return value;
}

std::optional<double> Arguments::take_number(const std::string& key) {
  const auto value = take(key);
  if (!value) return std::nullopt;
  return parse<double>(name_, key, *value, "a number");
}

std::optional<std::uint64_t> Arguments::take_integer(const std::string& key) {
  const auto value = take(key);
  if (!value) return std::nullopt;
  return parse<std::uint64_t>(name_, key, *value, "a whole number");
}

std::string Arguments::take_choice(const std::string& key,
                                   std::initializer_list<const char*> choices) {
  const auto value = take(key);
  if (!value) return *choices.begin();
  std::string listed;
  for (const char* choice : choices) {
    if (*value == choice) return choice;
    listed += (listed.empty() ? "" : ", ") + std::string(choice);
  }
  fail(SKIMP_INVALID_ARGUMENT, name_, ": ", key, " = ", *value, " is not one of ", listed);
}

std::uint64_t Arguments::take_block(std::uint64_t by_default, const std::string& key) {
  const std::uint64_t block = take_integer(key).value_or(by_default);
  require(is_block(block), name_, ": ", key, " = ", block, " must be a multiple of 32 from 32 to ",
          largest_block);
  return block;
}

void Arguments::finish() const {
  if (values_.empty()) return;
  fail(SKIMP_INVALID_ARGUMENT, name_, ": unknown argument '", values_.begin()->first, "'; ",
       known_.empty() ? "it takes none" : "accepted: " + known_);
}

std::string text_of(double number) {
  char digits[32];
  const auto result = std::to_chars(digits, digits + sizeof digits, number);
  return std::string(digits, result.ptr);
}

void require_block(const char* codec, std::uint64_t block) {
  require_intact(is_block(block), codec, ": block = ", block, " in the header");
}

}  // namespace skimp
