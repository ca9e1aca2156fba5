// SHA-256 (FIPS 180-4): golden files hold hashes of what would be too large, or not ours, to commit.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace nibble::testing {

// 64 lower-case hexadecimal digits.
std::string sha256_hex(std::span<const std::byte> bytes);
inline std::string sha256_hex(std::string_view text) { return sha256_hex(std::as_bytes(std::span(text))); }

}  // namespace nibble::testing
