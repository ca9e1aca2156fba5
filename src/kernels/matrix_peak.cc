// Each instruction set by a loop of its multiply-adds over registers, with as many independent sums as hide the latency
// of one. Function target attributes keep the instructions inside their functions.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>

#include "kernels/machine_limits.h"

#if defined(__x86_64__)
#include <asm/prctl.h>
#include <cpuid.h>
// g++ 12 finds an uninitialised variable inside its own header.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace nibble::kernels {
namespace {

constexpr int kItemsOfThread = 4;  // of a pass, so that a thread that was held up gets fewer
constexpr int kPasses = 5;

// Keeps the sums from being left out.
std::atomic<float> sink;

struct Loop {
  std::string_view isa;
  std::string_view arithmetic;
  bool (*available)();
  void (*run)(std::int64_t rounds);
  std::int64_t flops_of_round;
};

bool always() { return true; }

using Quad = float __attribute__((vector_size(16)));

void run_portable(std::int64_t rounds) {
  constexpr int kSums = 12;
  Quad sums[kSums] = {};
  const Quad factor = {0.5F, 0.5F, 0.5F, 0.5F};
  const Quad addend = {1.0F, 2.0F, 3.0F, 4.0F};
  for (std::int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (Quad& sum : sums) sum = sum * factor + addend;
  }
  float total = 0;
  for (const Quad& sum : sums) total += sum[0] + sum[3];
  sink = total;
}

#if defined(__x86_64__)

bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
bool has_avx512() { return __builtin_cpu_supports("avx512f") != 0; }
bool has_avx512_bf16() { return __builtin_cpu_supports("avx512bf16") != 0; }

__attribute__((target("avx2,fma"))) void run_avx2(std::int64_t rounds) {
  __m256 sums[12];
  for (__m256& sum : sums) sum = _mm256_setzero_ps();
  const __m256 factor = _mm256_set1_ps(0.5F);
  const __m256 addend = _mm256_set1_ps(1.0F);
  for (std::int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (__m256& sum : sums) sum = _mm256_fmadd_ps(sum, factor, addend);
  }
  float total = 0;
  for (const __m256& sum : sums) total += _mm256_cvtss_f32(sum);
  sink = total;
}

__attribute__((target("avx512f"))) void run_avx512(std::int64_t rounds) {
  __m512 sums[16];
  for (__m512& sum : sums) sum = _mm512_setzero_ps();
  const __m512 factor = _mm512_set1_ps(0.5F);
  const __m512 addend = _mm512_set1_ps(1.0F);
  for (std::int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 16
    for (__m512& sum : sums) sum = _mm512_fmadd_ps(sum, factor, addend);
  }
  float total = 0;
  for (const __m512& sum : sums) total += _mm512_cvtss_f32(sum);
  sink = total;
}

__attribute__((target("avx512f,avx512bf16"))) void run_avx512_bf16(std::int64_t rounds) {
  __m512 sums[16];
  for (__m512& sum : sums) sum = _mm512_setzero_ps();
  const auto factors = (__m512bh)_mm512_set1_epi32(0x3C003C00);  // pairs of 2^-7
  for (std::int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 16
    for (__m512& sum : sums) sum = _mm512_dpbf16_ps(sum, factors, factors);
  }
  float total = 0;
  for (const __m512& sum : sums) total += _mm512_cvtss_f32(sum);
  sink = total;
}

// Tiles must be asked for, once a process: the kernel saves their 8 KiB only for those who use them.
bool has_amx_bf16() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return false;
  constexpr unsigned kAmxBf16 = 1U << 22, kAmxTile = 1U << 24;
  if ((edx & kAmxBf16) == 0 || (edx & kAmxTile) == 0) return false;
  constexpr long kTileData = 18;
  return ::syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, kTileData) == 0;
}

struct alignas(64) TileConfig {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::array<std::uint8_t, 14> reserved{};
  std::array<std::uint16_t, 16> row_bytes{};
  std::array<std::uint8_t, 16> rows{};
};
static_assert(sizeof(TileConfig) == 64);

// Four tiles of sums, two tiles of each factor: every pair multiplied, as a matrix kernel does.
__attribute__((target("amx-tile,amx-bf16"))) void run_amx_bf16(std::int64_t rounds) {
  TileConfig config;
  config.row_bytes.fill(64);
  config.rows.fill(16);
  std::fill(config.row_bytes.begin() + 8, config.row_bytes.end(), std::uint16_t{0});
  std::fill(config.rows.begin() + 8, config.rows.end(), std::uint8_t{0});
  // g++ 12 drops stores that only _tile_loadconfig reads.
  asm volatile("" : : "r"(&config) : "memory");
  _tile_loadconfig(&config);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_zero(4);
  _tile_zero(5);
  _tile_zero(6);
  _tile_zero(7);
  for (std::int64_t round = 0; round < rounds; ++round) {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_release();
}

constexpr std::array kLoops = {
    Loop{"portable", "float32", always, run_portable, std::int64_t{12} * 4 * 2},
    Loop{"avx2", "float32", has_avx2, run_avx2, std::int64_t{12} * 8 * 2},
    Loop{"avx512", "float32", has_avx512, run_avx512, std::int64_t{16} * 16 * 2},
    Loop{"avx512_bf16", "bfloat16, sums in float32", has_avx512_bf16, run_avx512_bf16, std::int64_t{16} * 32 * 2},
    Loop{"amx_bf16", "bfloat16, sums in float32", has_amx_bf16, run_amx_bf16, std::int64_t{4} * 16 * 16 * 32 * 2}};

#else

constexpr std::array kLoops = {Loop{"portable", "float32", always, run_portable, std::int64_t{12} * 4 * 2}};

#endif

double seconds_of(const Loop& loop, std::int64_t items, std::int64_t rounds, ThreadPool& pool) {
  const auto start = std::chrono::steady_clock::now();
  pool.parallel_for(items, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t item = begin; item < end; ++item) loop.run(rounds);
  });
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double measure(const Loop& loop, double seconds_of_pass, ThreadPool& pool) {
  const std::int64_t items = std::int64_t{kItemsOfThread} * pool.size();
  std::int64_t rounds = 1024;
  while (seconds_of(loop, items, rounds, pool) < seconds_of_pass) rounds *= 2;
  double best = 0;
  for (int pass = 0; pass < kPasses; ++pass) {
    const auto flops = static_cast<double>(items * rounds * loop.flops_of_round);
    best = std::max(best, flops / seconds_of(loop, items, rounds, pool));
  }
  return best;
}

}  // namespace

std::vector<MatrixPeak> measure_matrix_peaks(ThreadPool& pool, double seconds_of_pass) {
  std::vector<MatrixPeak> peaks;
  for (const Loop& loop : kLoops) {
    peaks.push_back({loop.isa, loop.arithmetic, loop.available() ? measure(loop, seconds_of_pass, pool) : 0.0});
  }
  return peaks;
}

}  // namespace nibble::kernels
