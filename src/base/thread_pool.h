// A fixed set of threads for data-parallel loops. Work is split by index alone, so results do not depend on the number
// of threads.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace nibble {

// Processors this process may run on: the affinity mask, further limited by the container's CPU quota. At least 1.
int available_processors();

class ThreadPool {
 public:
  // threads includes the calling thread: 1 starts none.
  explicit ThreadPool(int threads = available_processors());
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const;

  // Calls body(begin, end) for disjoint ranges that cover [0, count), each at most `grain` long, and returns when all
  // are done. body must not throw. Not reentrant: body may not call parallel_for of the same pool.
  void parallel_for(std::int64_t count, std::int64_t grain,
                    const std::function<void(std::int64_t, std::int64_t)>& body);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace nibble
