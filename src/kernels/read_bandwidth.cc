#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <utility>

#include "base/progress.h"
#include "kernels/machine_limits.h"

namespace nibble::kernels {
namespace {

using Line = std::uint64_t __attribute__((vector_size(64), may_alias, aligned(1)));  // a cache line

constexpr std::size_t kPiece = std::size_t{1} << 20;  // what a thread reads at a time
constexpr int kPasses = 8;

// Keeps the reads from being left out.
std::atomic<std::uint64_t> sink;

// Four lines at a time in four sums. ahead: how far prefetches run before the reads, 0 for none; some processors reach
// their limit by their own prefetching, some need ours.
template <std::size_t ahead>
void read(const std::byte* data, std::size_t bytes) {
  Line a{}, b{}, c{}, d{};
  std::size_t i = 0;
  for (; i + 256 <= bytes; i += 256) {
    const std::byte* at = data + i;
    if constexpr (ahead > 0) {
      for (std::size_t line = 0; line < 256; line += 64) __builtin_prefetch(at + ahead + line);
    }
    a ^= *reinterpret_cast<const Line*>(at);
    b ^= *reinterpret_cast<const Line*>(at + 64);
    c ^= *reinterpret_cast<const Line*>(at + 128);
    d ^= *reinterpret_cast<const Line*>(at + 192);
  }
  std::uint64_t sum = 0;
  for (; i < bytes; ++i) sum += std::to_integer<std::uint64_t>(data[i]);
  a ^= b ^ c ^ d;
  for (int word = 0; word < 8; ++word) sum += a[word];
  sink.fetch_add(sum, std::memory_order_relaxed);
}

double seconds_of_pass(std::span<const std::byte> memory, ThreadPool& pool,
                       void (*read_piece)(const std::byte*, std::size_t)) {
  const auto pieces = static_cast<std::int64_t>((memory.size() + kPiece - 1) / kPiece);
  const auto start = std::chrono::steady_clock::now();
  pool.parallel_for(pieces, 1, [&](std::int64_t begin, std::int64_t end) {
    const std::size_t first = static_cast<std::size_t>(begin) * kPiece;
    const std::size_t last = std::min(static_cast<std::size_t>(end) * kPiece, memory.size());
    read_piece(memory.data() + first, last - first);
  });
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

Result<HugePages> HugePages::allocate(std::size_t bytes, ThreadPool& pool) {
  void* address = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (address == MAP_FAILED) {
    return fail(ErrorCode::kEnvironment, fmt::format("not enough memory for a buffer of {}", format_bytes(bytes)));
  }
  ::madvise(address, bytes, MADV_HUGEPAGE);  // a wish; without it the measurement is what it is
  HugePages pages(std::span(static_cast<std::byte*>(address), bytes));
  const auto pieces = static_cast<std::int64_t>((bytes + kPiece - 1) / kPiece);
  // By the threads that will read: on machines with several memories each page then lies near one of them.
  pool.parallel_for(pieces, 1, [&](std::int64_t begin, std::int64_t end) {
    const std::size_t first = static_cast<std::size_t>(begin) * kPiece;
    const std::size_t last = std::min(static_cast<std::size_t>(end) * kPiece, bytes);
    std::memset(pages.bytes_.data() + first, 0x5A, last - first);
  });
  return pages;
}

HugePages::HugePages(HugePages&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

HugePages::~HugePages() {
  if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
}

double measure_read_bandwidth(std::span<const std::byte> memory, ThreadPool& pool) {
  seconds_of_pass(memory, pool, read<0>);
  double best = seconds_of_pass(memory, pool, read<0>);
  for (int pass = 1; pass < kPasses; ++pass) {
    best = std::min(best, seconds_of_pass(memory, pool, pass % 2 == 0 ? read<0> : read<4096>));
  }
  return static_cast<double>(memory.size()) / best;
}

}  // namespace nibble::kernels
