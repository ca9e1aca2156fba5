// The order in which people list tensors: runs of digits compare as numbers, so that layer 2 stands before layer 10.
#pragma once

#include <string_view>

namespace nibble::quantize {

// Strict weak order; names that differ only in leading zeros of a number are ordered as text.
bool natural_less(std::string_view a, std::string_view b);

}  // namespace nibble::quantize
