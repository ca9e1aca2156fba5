// What this machine can do at most, measured: the limits that results are shares of.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/thread_pool.h"

namespace nibble::kernels {

// Memory in huge pages where the system gives any, filled with bytes that are not zero. Errors: memory.
class HugePages {
 public:
  static Result<HugePages> allocate(std::size_t bytes, ThreadPool& pool);

  HugePages(HugePages&& other) noexcept;
  HugePages& operator=(HugePages&&) = delete;
  HugePages(const HugePages&) = delete;
  HugePages& operator=(const HugePages&) = delete;
  ~HugePages();

  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  explicit HugePages(std::span<std::byte> bytes) : bytes_(bytes) {}

  std::span<std::byte> bytes_;
};

// Bytes a second at which all threads of the pool read memory together, each byte once a pass: the best of several
// passes, because whatever else runs on the machine only makes one slower. memory should be far larger than the caches;
// a first pass, not timed, brings pages of a file in.
double measure_read_bandwidth(std::span<const std::byte> memory, ThreadPool& pool);

// Multiply-adds from registers alone, two FLOPs each, by all threads together.
struct MatrixPeak {
  std::string_view isa;         // "portable", "avx2", "avx512", "avx512_bf16", "amx_bf16"
  std::string_view arithmetic;  // "float32" or "bfloat16, sums in float32"
  double flops_per_second = 0;  // 0 where this machine cannot
};

// One row an instruction set that this program knows, weakest first; the best of several passes of at least so many
// seconds.
std::vector<MatrixPeak> measure_matrix_peaks(ThreadPool& pool, double seconds_of_pass = 0.02);

}  // namespace nibble::kernels
