// Highway compiles this file once for each instruction set (foreach_target.h includes it again and again).
// Left out: SSSE3, and what lies beyond AVX-512 F/BW/DQ/VL, where these primitives would gain nothing; and scalable
// vectors, which cannot be kept in arrays.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/portable/simd.cc"
#include "kernels/cpu/portable/simd.h"

// clang-format off: foreach_target.h must come first
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
#include <hwy/contrib/math/math-inl.h>
#include "kernels/cpu/portable/decode_row-inl.h"
// clang-format on

#include <algorithm>
#include <cmath>
#include <limits>

HWY_BEFORE_NAMESPACE();
namespace nibble::kernels::portable::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
using Floats = hn::ScalableTag<float>;
using OneFloat = hn::CappedTag<float, 1>;
using V = hn::Vec<Floats>;
constexpr Floats kFloats;
constexpr OneFloat kOneFloat;
// Loops over lanes, tiles and vectors have small constant counts and are unrolled whole: then the arrays of vectors in
// them live in registers.
constexpr int kLanes = static_cast<int>(HWY_LANES(float));

HWY_INLINE V load_partial(const float* x, std::int64_t count) {
  HWY_ALIGN float padded[kLanes] = {};
  std::copy_n(x, count, padded);
  return hn::Load(kFloats, padded);
}

HWY_INLINE void store_partial(V v, float* x, std::int64_t count) {
  HWY_ALIGN float padded[kLanes];
  hn::Store(v, kFloats, padded);
  std::copy_n(padded, count, x);
}

// ---- A Bᵀ ----
//
// Both operands lie along k, so each element of C is a dot product with one accumulator vector: lane l sums the
// products k ≡ l (mod lanes), and a fixed tree adds the lanes. A tile of kTileRows × kTileCols elements reuses every
// loaded vector; its size follows from the registers: 16 accumulators where there are 32 registers, 8 where 16.

// Adds neighbouring lanes of kVectors vectors until one vector is left: with kVectors = kLanes, its lane i is the sum
// of all lanes of acc[i].
template <int kVectors>
HWY_INLINE V sums_of_lanes(const V* acc) {
  if constexpr (kVectors == 1) return acc[0];
#if HWY_TARGET != HWY_SCALAR  // which has one lane and no such operations
  const V low = sums_of_lanes<kVectors / 2>(acc), high = sums_of_lanes<kVectors / 2>(acc + kVectors / 2);
  return hn::Add(hn::ConcatEven(kFloats, high, low), hn::ConcatOdd(kFloats, high, low));
#endif
}

template <int kRows, int kCols>
struct TransposedTile {
  static_assert(kRows * kCols % kLanes == 0);

  // sums[i · kCols + j] = a[i] · b[j]
  static HWY_INLINE void compute(const float* const* a, const float* const* b, std::int64_t k, float* sums) {
    V acc[kRows * kCols];
    HWY_UNROLL(16)
    for (int i = 0; i < kRows * kCols; ++i) acc[i] = hn::Zero(kFloats);
    std::int64_t at = 0;
    for (; at + kLanes <= k; at += kLanes) {
      step(a, b, acc, [at](const float* x) HWY_ATTR { return hn::LoadU(kFloats, x + at); });
    }
    if (at < k) {
      step(a, b, acc, [at, k](const float* x) HWY_ATTR { return load_partial(x + at, k - at); });
    }
    HWY_UNROLL(16)
    for (int group = 0; group < kRows * kCols; group += kLanes) {
      hn::Store(sums_of_lanes<kLanes>(acc + group), kFloats, sums + group);
    }
  }

 private:
  template <typename Load>
  static HWY_INLINE void step(const float* const* a, const float* const* b, V* acc, const Load& load) {
    V columns[kCols];
    HWY_UNROLL(16)
    for (int j = 0; j < kCols; ++j) columns[j] = load(b[j]);
    HWY_UNROLL(16)
    for (int i = 0; i < kRows; ++i) {
      const V row = load(a[i]);
      HWY_UNROLL(16)
      for (int j = 0; j < kCols; ++j) acc[i * kCols + j] = hn::MulAdd(row, columns[j], acc[i * kCols + j]);
    }
  }
};

// Rows [first, first + kRows) of C. A tile that hangs over the right edge computes its last column again and again.
template <int kRows, int kCols>
HWY_INLINE void multiply_transposed_rows(const float* const* a, const float* b, std::int64_t b_stride, std::int64_t n,
                                         std::int64_t k, float* c, std::int64_t c_stride) {
  for (std::int64_t j = 0; j < n; j += kCols) {
    const float* columns[kCols];
    for (int x = 0; x < kCols; ++x) columns[x] = b + std::min(j + x, n - 1) * b_stride;
    HWY_ALIGN float sums[kRows * kCols];
    TransposedTile<kRows, kCols>::compute(a, columns, k, sums);
    for (int i = 0; i < kRows; ++i) {
      float* out = c + i * c_stride + j;
      if (j + kCols <= n) {
        std::copy_n(sums + i * kCols, kCols, out);  // a count known here is a single store
      } else {
        std::copy_n(sums + i * kCols, n - j, out);
      }
    }
  }
}

void multiply_transposed(const float* const* a, std::int64_t m, const float* b, std::int64_t b_stride, std::int64_t n,
                         std::int64_t k, float* c, std::int64_t c_stride) {
  constexpr int kTileRows = kLanes == 16 ? 4 : 2, kTileCols = 4;
  constexpr int kSingleRowCols = std::max(kLanes, 8);  // eight chains of additions hide their latency
  std::int64_t i = 0;
  for (; i + kTileRows <= m; i += kTileRows) {
    multiply_transposed_rows<kTileRows, kTileCols>(a + i, b, b_stride, n, k, c + i * c_stride, c_stride);
  }
  for (; i < m; ++i) multiply_transposed_rows<1, kSingleRowCols>(a + i, b, b_stride, n, k, c + i * c_stride, c_stride);
}

// ---- C += A B ----
//
// Each lane is an element of C, k runs outermost: the order of every sum is k ascending, starting from C itself.

template <int kRows, int kVectors, typename D>
HWY_INLINE void multiply_add_tile(D d, const float* a, std::int64_t a_row_stride, std::int64_t a_stride, const float* b,
                                  std::int64_t b_stride, std::int64_t k, float* c, std::int64_t c_stride) {
  constexpr int kWidth = static_cast<int>(hn::MaxLanes(D()));
  hn::Vec<D> acc[kRows * kVectors];
  HWY_UNROLL(16)
  for (int i = 0; i < kRows; ++i) {
    HWY_UNROLL(16)
    for (int j = 0; j < kVectors; ++j) acc[i * kVectors + j] = hn::LoadU(d, c + i * c_stride + j * kWidth);
  }
  for (std::int64_t at = 0; at < k; ++at) {
    hn::Vec<D> row[kVectors];
    HWY_UNROLL(16)
    for (int j = 0; j < kVectors; ++j) row[j] = hn::LoadU(d, b + at * b_stride + j * kWidth);
    HWY_UNROLL(16)
    for (int i = 0; i < kRows; ++i) {
      const hn::Vec<D> factor = hn::Set(d, a[i * a_row_stride + at * a_stride]);
      HWY_UNROLL(16)
      for (int j = 0; j < kVectors; ++j) acc[i * kVectors + j] = hn::MulAdd(factor, row[j], acc[i * kVectors + j]);
    }
  }
  HWY_UNROLL(16)
  for (int i = 0; i < kRows; ++i) {
    HWY_UNROLL(16)
    for (int j = 0; j < kVectors; ++j) hn::StoreU(acc[i * kVectors + j], d, c + i * c_stride + j * kWidth);
  }
}

template <int kRows>
HWY_INLINE void multiply_add_rows(const float* a, std::int64_t a_row_stride, std::int64_t a_stride, const float* b,
                                  std::int64_t b_stride, std::int64_t n, std::int64_t k, float* c,
                                  std::int64_t c_stride) {
  std::int64_t j = 0;
  for (; j + 2 * kLanes <= n; j += 2 * kLanes) {
    multiply_add_tile<kRows, 2>(kFloats, a, a_row_stride, a_stride, b + j, b_stride, k, c + j, c_stride);
  }
  for (; j + kLanes <= n; j += kLanes) {
    multiply_add_tile<kRows, 1>(kFloats, a, a_row_stride, a_stride, b + j, b_stride, k, c + j, c_stride);
  }
  for (; j < n; ++j) {
    multiply_add_tile<kRows, 1>(kOneFloat, a, a_row_stride, a_stride, b + j, b_stride, k, c + j, c_stride);
  }
}

void multiply_add(const float* a, std::int64_t a_row_stride, std::int64_t a_stride, std::int64_t m, const float* b,
                  std::int64_t b_stride, std::int64_t n, std::int64_t k, float* c, std::int64_t c_stride) {
  constexpr int kTileRows = 4;
  std::int64_t i = 0;
  for (; i + kTileRows <= m; i += kTileRows) {
    multiply_add_rows<kTileRows>(a + i * a_row_stride, a_row_stride, a_stride, b, b_stride, n, k, c + i * c_stride,
                                 c_stride);
  }
  for (; i < m; ++i) {
    multiply_add_rows<1>(a + i * a_row_stride, a_row_stride, a_stride, b, b_stride, n, k, c + i * c_stride, c_stride);
  }
}

// ---- One element, or one vector, at a time ----

// y[i] = f(x[i]…) over several inputs; the last, partial vector goes through the same instructions as the others.
template <typename F, typename... Inputs>
HWY_INLINE void map(const F& f, float* y, std::int64_t count, const Inputs*... x) {
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) hn::StoreU(f(hn::LoadU(kFloats, x + i)...), kFloats, y + i);
  if (i < count) store_partial(f(load_partial(x + i, count - i)...), y + i, count - i);
}

void scale_add_outer(float* s, std::int64_t rows, std::int64_t cols, float scale, const float* a, const float* b) {
  const V factor = hn::Set(kFloats, scale);
  for (std::int64_t i = 0; i < rows; ++i) {
    const V row = hn::Set(kFloats, a[i]);
    map([factor, row](V state, V x) HWY_ATTR { return hn::MulAdd(row, x, hn::Mul(factor, state)); }, s + i * cols, cols,
        s + i * cols, b);
  }
}

float sum_of_squares(const float* x, std::int64_t count) {
  V sum = hn::Zero(kFloats);
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const V v = hn::LoadU(kFloats, x + i);
    sum = hn::MulAdd(v, v, sum);
  }
  if (i < count) {
    const V v = load_partial(x + i, count - i);
    sum = hn::MulAdd(v, v, sum);
  }
  return hn::GetLane(hn::SumOfLanes(kFloats, sum));
}

float maximum(const float* x, std::int64_t count) {
  V largest = hn::Set(kFloats, x[0]);
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) largest = hn::Max(largest, hn::LoadU(kFloats, x + i));
  float result = hn::GetLane(hn::MaxOfLanes(kFloats, largest));
  for (; i < count; ++i) result = std::max(result, x[i]);
  return result;
}

// exp(x) for x ≤ 0 up to rounding; Highway's own would make 0 of a NaN and hide it.
HWY_INLINE V exp_not_positive(V x) { return hn::IfThenElse(hn::IsNaN(x), x, hn::Exp(kFloats, x)); }

// σ(x) from exp(−|x|), which cannot overflow: 1 / (1 + e) or e / (1 + e).
HWY_INLINE V sigmoid(V x) {
  const V one = hn::Set(kFloats, 1.0F);
  const V e = exp_not_positive(hn::Neg(hn::Abs(x)));
  return hn::Div(hn::IfThenElse(hn::Lt(x, hn::Zero(kFloats)), e, one), hn::Add(one, e));
}

float exp_shifted(float* x, std::int64_t count, float scale, float shift) {
  const V factor = hn::Set(kFloats, scale), offset = hn::Set(kFloats, shift);
  const auto exp_of = [factor, offset](V v) HWY_ATTR { return exp_not_positive(hn::MulSub(factor, v, offset)); };
  V sum = hn::Zero(kFloats);
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const V e = exp_of(hn::LoadU(kFloats, x + i));
    hn::StoreU(e, kFloats, x + i);
    sum = hn::Add(sum, e);
  }
  if (i < count) {
    store_partial(exp_of(load_partial(x + i, count - i)), x + i, count - i);
    sum = hn::Add(sum, load_partial(x + i, count - i));  // zeros beyond the end
  }
  return hn::GetLane(hn::SumOfLanes(kFloats, sum));
}

void silu_multiply(const float* gate, const float* up, float* out, std::int64_t count) {
  map([](V g, V u) HWY_ATTR { return hn::Mul(hn::Mul(g, sigmoid(g)), u); }, out, count, gate, up);
}

void silu(float* x, std::int64_t count) {
  map([](V v) HWY_ATTR { return hn::Mul(v, sigmoid(v)); }, x, count, x);
}

void sigmoid_multiply(const float* gate, float* y, std::int64_t count) {
  map([](V g, V v) HWY_ATTR { return hn::Mul(v, sigmoid(g)); }, y, count, gate, y);
}

}  // namespace

const Simd* primitives() {
  static const Simd kPrimitives = {.name = hwy::TargetName(HWY_TARGET),
                                   .decode_row = decode_row,
                                   .multiply_transposed = multiply_transposed,
                                   .multiply_add = multiply_add,
                                   .scale_add_outer = scale_add_outer,
                                   .sum_of_squares = sum_of_squares,
                                   .maximum = maximum,
                                   .exp_shifted = exp_shifted,
                                   .silu_multiply = silu_multiply,
                                   .silu = silu,
                                   .sigmoid_multiply = sigmoid_multiply};
  return &kPrimitives;
}

}  // namespace nibble::kernels::portable::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <atomic>

namespace nibble::kernels::portable {
namespace {

HWY_EXPORT(primitives);

const Simd* best() { return HWY_DYNAMIC_DISPATCH(primitives)(); }

std::atomic<const Simd*>& chosen() {
  static std::atomic<const Simd*> primitives_in_use = best();
  return primitives_in_use;
}

// The primitives of every target of this program that the machine supports, best first.
std::vector<const Simd*> available() {
  std::vector<const Simd*> found;
  std::int64_t targets = hwy::SupportedTargets() & HWY_TARGETS;
  for (; targets != 0; targets &= targets - 1) {  // a smaller bit is a better target
    hwy::SetSupportedTargetsForTest(targets & -targets);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    found.push_back(best());
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  return found;
}

}  // namespace

const Simd& simd() noexcept { return *chosen().load(std::memory_order_relaxed); }

std::vector<std::string> instruction_sets() {
  std::vector<std::string> names;
  for (const Simd* primitives : available()) names.emplace_back(primitives->name);
  return names;
}

void use_instruction_set(const std::string& name) {
  chosen() = best();
  for (const Simd* primitives : available()) {
    if (primitives->name == name) chosen() = primitives;
  }
}

}  // namespace nibble::kernels::portable
#endif  // HWY_ONCE
