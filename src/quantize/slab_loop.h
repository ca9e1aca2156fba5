// A parallel loop whose steps can fail.
#pragma once

#include <cstdint>
#include <functional>

#include "base/error.h"
#include "base/thread_pool.h"

namespace nibble::quantize {

// Calls body(i) once for every i in [0, count), on all threads of the pool. After a failure or an interruption no
// further step begins; the failure of the lowest step that ran is returned.
Status for_each_slab(ThreadPool& pool, std::int64_t count, const std::function<Status(std::int64_t)>& body);

}  // namespace nibble::quantize
