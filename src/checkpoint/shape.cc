#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/check.h"
#include "base/checked.h"
#include "checkpoint/tensor_store.h"

namespace nibble::checkpoint {

std::optional<Shape> Shape::from(std::span<const std::int64_t> dims) {
  if (dims.size() > kMaxRank) return std::nullopt;
  if (std::any_of(dims.begin(), dims.end(), [](std::int64_t dim) { return dim < 0; })) return std::nullopt;
  if (!checked_product(dims)) return std::nullopt;
  Shape shape;
  std::copy(dims.begin(), dims.end(), shape.dims_);
  shape.rank_ = dims.size();
  return shape;
}

Shape::Shape(std::initializer_list<std::int64_t> dims) {
  std::optional<Shape> shape = from(std::span(dims.begin(), dims.size()));
  NIBBLE_CHECK(shape);
  *this = *shape;
}

std::int64_t Shape::elements() const { return *checked_product(dims()); }

std::string Shape::describe() const { return fmt::format("[{}]", fmt::join(dims(), ", ")); }

bool Shape::operator==(const Shape& other) const { return std::ranges::equal(dims(), other.dims()); }

}  // namespace nibble::checkpoint
