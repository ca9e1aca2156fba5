#include "quantize/synthetic_values.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <numbers>

#include "base/check.h"
#include "numerics/bf16.h"
#include "quantize/rounding.h"

namespace nibble::quantize {
namespace {

using checkpoint::DType;

constexpr std::size_t kTableSize = 65536;  // what 16 random bits can name
constexpr std::size_t kLanes = 4;          // 16-bit indices in one random word

// SplitMix64 (Steele, Lea, Flood 2014) as a function of its counter.
constexpr std::uint64_t kGolden = 0x9E3779B97F4A7C15;
std::uint64_t random_word(std::uint64_t key, std::uint64_t counter) {
  std::uint64_t z = key + (counter + 1) * kGolden;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

// Elements [first, first + count) of a tensor; first is a multiple of kLanes.
template <typename T>
void draw(std::uint64_t key, std::uint64_t first, std::span<const T> table, std::byte* out, std::size_t count) {
  const std::size_t mask = table.size() - 1;
  const auto group_at = [&](std::size_t i) {
    const std::uint64_t bits = random_word(key, (first + i) / kLanes);
    return std::array<T, kLanes>{table[bits & mask & 0xFFFF], table[bits >> 16 & mask & 0xFFFF],
                                 table[bits >> 32 & mask & 0xFFFF], table[bits >> 48 & mask]};
  };
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const std::array<T, kLanes> group = group_at(i);
    std::memcpy(out + i * sizeof(T), group.data(), sizeof group);
  }
  if (i < count) {
    const std::array<T, kLanes> group = group_at(i);
    std::memcpy(out + i * sizeof(T), group.data(), (count - i) * sizeof(T));
  }
}

// The standard normal variable's quantiles at (i + ½) / kTableSize, ascending.
std::vector<float> normal_quantiles() {
  std::vector<float> quantiles(kTableSize);
  double x = 0;
  for (std::size_t i = kTableSize / 2; i < kTableSize; ++i) {
    const double above = (static_cast<double>(kTableSize - i) - 0.5) / kTableSize;  // probability of a larger value
    // Newton's method from the neighbour: from below, where the tail is convex, it does not overshoot.
    for (int step = 0; step < 6; ++step) {
      const double density = std::exp(-x * x / 2) / std::sqrt(2 * std::numbers::pi);
      x += (std::erfc(x / std::numbers::sqrt2) / 2 - above) / density;
    }
    quantiles[i] = static_cast<float>(x);
    quantiles[kTableSize - 1 - i] = -quantiles[i];
  }
  return quantiles;
}

std::vector<std::uint16_t> bf16_normal(std::span<const float> normal, float mean, float spread) {
  std::vector<std::uint16_t> table;
  table.reserve(normal.size());
  for (const float z : normal) table.push_back(numerics::bf16_from_float(mean + spread * z));
  return table;
}

std::vector<std::uint16_t> bf16_uniform(float low, float high) {
  std::vector<std::uint16_t> table;
  table.reserve(kTableSize);
  for (std::size_t i = 0; i < kTableSize; ++i) {
    const float place = (static_cast<float>(i) + 0.5F) / static_cast<float>(kTableSize);
    table.push_back(numerics::bf16_from_float(low + (high - low) * place));
  }
  return table;
}

}  // namespace

SyntheticValues::SyntheticValues(std::uint64_t seed) : seed_(seed) {
  const std::vector<float> normal = normal_quantiles();
  weights_ = bf16_normal(normal, 0, kWeightSpread);
  zero_centred_norms_ = bf16_normal(normal, 0, 0.1F);
  plain_norms_ = bf16_normal(normal, 1, 0.1F);
  convolutions_ = bf16_normal(normal, 0, 0.3F);
  // As state-space models begin: decay rates from 1 to 16, time steps from 0.001 to 0.1 through an inverse softplus.
  a_logs_ = bf16_uniform(0.0F, std::log(16.0F));
  dt_biases_ = bf16_uniform(-6.9F, -2.25F);

  fp8_unit_scale_ = fp8_tensor_scale(normal.back());
  fp8_codes_.resize(kTableSize);
  round_row_to_fp8(normal, fp8_unit_scale_, std::as_writable_bytes(std::span(fp8_codes_)).data());
  make_nvfp4_tables(normal);
}

// A long row of normal numbers, rounded by the max rule: its bytes of codes and its block scales are the tables.
void SyntheticValues::make_nvfp4_tables(std::span<const float> normal) {
  std::vector<float> row(2 * kTableSize);
  for (std::size_t i = 0; i < row.size(); ++i) row[i] = normal[random_word(0, i) % kTableSize];
  const float amax = std::abs(std::ranges::max(row, {}, [](float value) { return std::abs(value); }));
  nvfp4_unit_scale_ = nvfp4_tensor_scale(amax, {});
  nvfp4_codes_.resize(row.size() / 2);
  block_scales_.resize(row.size() / 16);
  round_row_to_nvfp4(row, nvfp4_unit_scale_, {}, std::as_writable_bytes(std::span(nvfp4_codes_)).data(),
                     std::as_writable_bytes(std::span(block_scales_)).data());
}

// FNV-1a of the name, spread over all bits.
std::uint64_t SyntheticValues::key_of(std::string_view name) const {
  std::uint64_t hash = 0xCBF29CE484222325;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  return random_word(hash, seed_);
}

void SyntheticValues::fill(const checkpoint::PlannedTensor& tensor, std::uint64_t offset,
                           std::span<std::byte> out) const {
  NIBBLE_CHECK(offset % 8 == 0);
  const std::string_view name = tensor.name;
  const std::uint64_t key = key_of(name);
  const auto draw_bytes = [&](std::span<const std::uint8_t> table) {
    draw(key, offset, table, out.data(), out.size());
  };
  const auto draw_bf16 = [&](std::span<const std::uint16_t> table) {
    draw(key, offset / sizeof(std::uint16_t), table, out.data(), out.size() / sizeof(std::uint16_t));
  };
  if (tensor.dtype == DType::kU8) return draw_bytes(nvfp4_codes_);
  if (tensor.dtype == DType::kF8E4M3) return draw_bytes(name.ends_with("weight_scale") ? block_scales_ : fp8_codes_);
  NIBBLE_CHECK(tensor.dtype == DType::kBF16);
  if (name.ends_with(".A_log")) return draw_bf16(a_logs_);
  if (name.ends_with(".dt_bias")) return draw_bf16(dt_biases_);
  if (name.ends_with(".conv1d.weight")) return draw_bf16(convolutions_);
  if (tensor.shape.rank() != 1 || name.ends_with(".bias")) return draw_bf16(weights_);
  // Of the norms only the DeltaNet's and those of the vision tower are plain multipliers (architecture §3).
  const bool plain = name.ends_with(".linear_attn.norm.weight") || name.find("visual.") != std::string_view::npos;
  draw_bf16(plain ? plain_norms_ : zero_centred_norms_);
}

float SyntheticValues::vary(std::string_view group) const {
  return 0.9F + 0.2F * static_cast<float>(key_of(group) >> 40) * 0x1p-24F;
}

float SyntheticValues::fp8_scale(std::string_view group) const { return kWeightSpread * vary(group) * fp8_unit_scale_; }

float SyntheticValues::nvfp4_scale(std::string_view group) const {
  return kWeightSpread * vary(group) * nvfp4_unit_scale_;
}

float SyntheticValues::input_scale(std::string_view group, float largest_code) const {
  return 8.0F * vary(group) / largest_code;
}

}  // namespace nibble::quantize
