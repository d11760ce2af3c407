#include "codecs/lowrank/layout.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "codecs/frame.h"

namespace skimp::lowrank {
namespace {

constexpr std::uint64_t too_many = ~std::uint64_t{0};

/// Elements of a shape after `before` others; too_many when they exceed largest_count.
std::uint64_t add_count(std::uint64_t before, const Shape& shape) {
  if (shape.rows == 0 || shape.columns == 0) return before;
  const std::uint64_t room = largest_count - before;
  return shape.columns > room / shape.rows ? too_many : before + shape.rows * shape.columns;
}

/// The factors' values are fewer than the matrix's: rank · (rows + columns) < rows · columns. Then
/// the rank is below both.
bool pays(std::uint64_t rank, const Shape& shape) {
  if (shape.rows == 0 || shape.columns == 0) return false;
  return divide_up(shape.rows * shape.columns, shape.rows + shape.columns) > rank;
}

std::uint64_t size_from_text(std::string_view digits, std::string_view piece) {
  std::uint64_t size = 0;
  const char* end = digits.data() + digits.size();
  const auto result = std::from_chars(digits.data(), end, size);
  require(result.ec == std::errc() && result.ptr == end, "lowrank: shapes: '", piece,
          "' is neither ROWSxCOLUMNS nor a number");
  return size;
}

}  // namespace

std::vector<Shape> shapes_from_text(std::string_view text) {
  std::vector<Shape> shapes;
  std::uint64_t count = 0;
  for (bool more = true; more;) {
    const auto plus = text.find('+');
    const std::string_view piece = text.substr(0, plus);
    const auto cross = piece.find('x');
    Shape& shape = shapes.emplace_back();
    shape.rows = size_from_text(piece.substr(0, cross), piece);
    if (cross != std::string_view::npos) {
      shape.columns = size_from_text(piece.substr(cross + 1), piece);
    }
    count = add_count(count, shape);
    require(count != too_many, "lowrank: shapes have more than ", largest_count, " elements");
    more = plus != std::string_view::npos;
    if (more) text.remove_prefix(plus + 1);
  }
  return shapes;
}

std::string text_of(const std::vector<Shape>& shapes) {
  std::string all;
  for (const Shape& shape : shapes) {
    if (!all.empty()) all += '+';
    all += std::to_string(shape.rows);
    if (shape.columns != 1) all += 'x' + std::to_string(shape.columns);
  }
  return all;
}

Layout::Layout(std::uint64_t rank, const std::vector<Shape>& shapes) : rank_(rank) {
  for (const Shape& shape : shapes) {
    Piece& piece = pieces_.emplace_back(Piece{shape.rows, shape.columns, count_});
    count_ += piece.count();
    piece.factored = pays(rank, shape);
    if (!piece.factored) continue;
    piece.first = p_count_;
    piece.second = second_count_;
    p_count_ += rank * piece.rows;
    second_count_ += rank * piece.columns;
    most_rows_ = std::max(most_rows_, piece.rows);
    most_columns_ = std::max(most_columns_, piece.columns);
  }
  first_count_ = p_count_;
  for (Piece& piece : pieces_) {
    if (piece.factored) continue;
    piece.first = first_count_;
    first_count_ += piece.count();
  }
}

std::byte* write_shapes(const std::vector<Shape>& shapes, std::byte* to) {
  store(to, std::uint64_t{shapes.size()});
  to += 8;
  for (const Shape& shape : shapes) {
    store(to, shape.rows);
    store(to + 8, shape.columns);
    to += 16;
  }
  return to;
}

std::vector<Shape> read_shapes(Bytes payload, std::uint64_t count) {
  require_intact(payload.size() >= shapes_bytes(0), "lowrank: payload has ", payload.size(),
                 " bytes, fewer than a number of shapes");
  const auto pieces = load<std::uint64_t>(payload.data());
  require_intact(pieces <= (payload.size() - shapes_bytes(0)) / 16, "lowrank: ", pieces,
                 " shapes in a payload of ", payload.size(), " bytes");
  std::vector<Shape> shapes;
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < pieces; ++i) {
    const std::byte* at = payload.data() + shapes_bytes(i);
    shapes.push_back({load<std::uint64_t>(at), load<std::uint64_t>(at + 8)});
    sum = add_count(sum, shapes.back());
    require_intact(sum != too_many, "lowrank: shapes have more than ", largest_count, " elements");
  }
  require_intact(sum == count, "lowrank: shapes have ", sum, " elements, the frame ", count);
  return shapes;
}

}  // namespace skimp::lowrank
