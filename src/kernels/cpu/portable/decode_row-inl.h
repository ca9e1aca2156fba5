// numerics::decode_row with vectors: the same values bit for bit, NaN codes included. Part of simd.cc, compiled once
// for each instruction set.
//
// The small formats become float32 by moving their bits to where float32 has exponent and mantissa and adding the
// difference of the two exponent biases. A subnormal code is given the exponent of the smallest normal one and its
// implicit 1 is subtracted again: exact, and no subnormal float32 ever meets a multiplier, which some machines are slow
// at.

#if defined(NIBBLE_DECODE_ROW_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef NIBBLE_DECODE_ROW_INL_H
#undef NIBBLE_DECODE_ROW_INL_H
#else
#define NIBBLE_DECODE_ROW_INL_H
#endif

#include <hwy/highway.h>

#include <cstring>

#include "numerics/matrix_view.h"
#include "numerics/nvfp4.h"

HWY_BEFORE_NAMESPACE();
namespace nibble::kernels::portable::HWY_NAMESPACE {
namespace {

// At most 8 lanes: one 32-bit word of E2M1 codes fills them.
using Words = hwy::HWY_NAMESPACE::CappedTag<std::uint32_t, 8>;
using WordFloats = hwy::HWY_NAMESPACE::RebindToFloat<Words>;
using Word = hwy::HWY_NAMESPACE::Vec<Words>;
using WordFloat = hwy::HWY_NAMESPACE::Vec<WordFloats>;

// Codes of a narrower unsigned type, widened. data is aligned to nothing.
template <typename T>
HWY_INLINE Word load_codes(const std::byte* data) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::Rebind<T, Words> narrow;
  return hn::PromoteTo(Words(), hn::LoadU(narrow, reinterpret_cast<const T*>(data)));
}

// The value of codes without sign bit: exponent above kMantissaBits bits of mantissa, bias kBias.
template <int kMantissaBits, int kBias>
HWY_INLINE WordFloat minifloat_value(Word magnitude) {
  namespace hn = hwy::HWY_NAMESPACE;
  constexpr Words kWords;
  constexpr WordFloats kWordFloats;
  constexpr std::uint32_t kExponentOne = 1U << 23;                              // of float32
  constexpr std::uint32_t kSmallestNormal = (127U - kBias + 1) * kExponentOne;  // 2^(1 − kBias)
  const Word exponent = hn::AndNot(hn::Set(kWords, (1U << kMantissaBits) - 1), magnitude);
  const Word subnormal = hn::VecFromMask(kWords, hn::Eq(exponent, hn::Zero(kWords)));
  const Word moved =
      hn::Add(hn::ShiftLeft<23 - kMantissaBits>(magnitude), hn::Set(kWords, (127U - kBias) * kExponentOne));
  const Word normal = hn::Add(moved, hn::And(subnormal, hn::Set(kWords, kExponentOne)));
  const Word implicit_one = hn::And(subnormal, hn::Set(kWords, kSmallestNormal));
  return hn::Sub(hn::BitCast(kWordFloats, normal), hn::BitCast(kWordFloats, implicit_one));
}

struct Bf16Codes {
  using Type = std::uint16_t;
  HWY_INLINE WordFloat operator()(Word codes) const {
    namespace hn = hwy::HWY_NAMESPACE;
    return hn::BitCast(WordFloats(), hn::ShiftLeft<16>(codes));
  }
};

struct E4m3Codes {
  using Type = std::uint8_t;
  float scale;
  HWY_INLINE WordFloat operator()(Word codes) const {
    namespace hn = hwy::HWY_NAMESPACE;
    const Words words;
    const Word magnitude = hn::And(codes, hn::Set(words, 0x7FU));
    const Word sign = hn::ShiftLeft<24>(hn::And(codes, hn::Set(words, 0x80U)));
    const Word value = hn::BitCast(words, minifloat_value<3, 7>(magnitude));
    const Word nan =
        hn::And(hn::VecFromMask(words, hn::Eq(magnitude, hn::Set(words, 0x7FU))), hn::Set(words, 0x7FC00000U));
    return hn::Mul(hn::BitCast(WordFloats(), hn::Or(hn::Or(value, sign), nan)), hn::Set(WordFloats(), scale));
  }
};

// The rest of a row that fills no vector is left to the caller: returns how many values were written.
template <typename Codes>
HWY_INLINE std::int64_t decode_vectors(const Codes& codes, const std::byte* data, std::int64_t count, float* out) {
  namespace hn = hwy::HWY_NAMESPACE;
  constexpr auto kWide = static_cast<std::int64_t>(hn::MaxLanes(Words()));
  std::int64_t i = 0;
  for (; i + kWide <= count; i += kWide) {
    const std::byte* at = data + i * static_cast<std::int64_t>(sizeof(typename Codes::Type));
    hn::StoreU(codes(load_codes<typename Codes::Type>(at)), WordFloats(), out + i);
  }
  return i;
}

// Eight codes of one word, lowest nibble first.
HWY_INLINE void decode_e2m1_word(std::uint32_t word, float step, float* out) {
  namespace hn = hwy::HWY_NAMESPACE;
  const Words words;
  const WordFloats floats;
  constexpr int kWide = static_cast<int>(hn::MaxLanes(Words()));
  HWY_UNROLL(8)
  for (int first = 0; first < 8; first += kWide) {
    const Word shifts = hn::ShiftLeft<2>(hn::Iota(words, static_cast<std::uint32_t>(first)));
    const Word codes = hn::Shr(hn::Set(words, word), shifts);
    const Word sign = hn::ShiftLeft<28>(hn::And(codes, hn::Set(words, 8U)));
    const Word value = hn::BitCast(words, minifloat_value<1, 1>(hn::And(codes, hn::Set(words, 7U))));
    hn::StoreU(hn::Mul(hn::BitCast(floats, hn::Or(value, sign)), hn::Set(floats, step)), floats, out + first);
  }
}

void decode_nvfp4_row(const numerics::MatrixView& matrix, std::int64_t row, const std::byte* codes, float* out) {
  const std::int64_t blocks = matrix.cols / numerics::kNvfp4Block;
  const std::byte* block_scales = matrix.block_scales + row * blocks;
  for (std::int64_t block = 0; block < blocks; ++block) {
    const float step = numerics::nvfp4_step(static_cast<std::uint8_t>(block_scales[block]), matrix.global_scale);
    std::uint32_t packed[2];  // on a little-endian machine, which nibble requires
    std::memcpy(packed, codes + block * numerics::kNvfp4BlockBytes, sizeof packed);
    decode_e2m1_word(packed[0], step, out + block * numerics::kNvfp4Block);
    decode_e2m1_word(packed[1], step, out + block * numerics::kNvfp4Block + 8);
  }
}

void decode_row(const numerics::MatrixView& matrix, std::int64_t row, float* out) {
  using numerics::WeightFormat;
  const std::byte* data = matrix.data + static_cast<std::size_t>(row) * matrix.row_bytes();
  if (matrix.format == WeightFormat::kNvfp4) return decode_nvfp4_row(matrix, row, data, out);
  std::int64_t done = 0;
  if (matrix.format == WeightFormat::kBf16) done = decode_vectors(Bf16Codes{}, data, matrix.cols, out);
  if (matrix.format == WeightFormat::kFp8)
    done = decode_vectors(E4m3Codes{matrix.global_scale}, data, matrix.cols, out);

  // The end of a row, and whole rows of F32 (a copy) and F16 (rare in checkpoints).
  numerics::MatrixView rest = matrix;
  rest.rows = 1;
  rest.cols = done;
  rest.data = data + rest.row_bytes();
  rest.cols = matrix.cols - done;
  numerics::decode_row(rest, 0, out + done);
}

}  // namespace
}  // namespace nibble::kernels::portable::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
