#include "quantize/slab_loop.h"

#include <atomic>
#include <mutex>
#include <optional>

#include "base/interrupt.h"

namespace nibble::quantize {

Status for_each_slab(ThreadPool& pool, std::int64_t count, const std::function<Status(std::int64_t)>& body) {
  std::atomic<bool> failed = false;
  std::mutex mutex;
  std::int64_t failed_step = count;
  std::optional<Error> error;
  pool.parallel_for(count, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t step = begin; step < end && !failed && !interrupted(); ++step) {
      Status status = body(step);
      if (status) continue;
      failed = true;
      const std::scoped_lock lock(mutex);
      if (step < failed_step) {
        failed_step = step;
        error = std::move(status).error();
      }
    }
  });
  if (error) return std::unexpected(*std::move(error));
  return check_interrupt();
}

}  // namespace nibble::quantize
