#include "program.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>
#include <utility>

#include "base/file.h"

namespace nibble::apps {
namespace {

using testing::must;
using testing::must_read;

// In the child: path becomes the descriptor. Only what is safe between fork and exec.
void redirect(int descriptor, const char* path, int flags) {
  int opened = ::open(path, flags, 0600);
  if (opened < 0 || ::dup2(opened, descriptor) < 0) ::_exit(126);
  ::close(opened);
}

}  // namespace

Process::Process(const Run& run) : captured_(run.output.empty()) {
  must(write_file(folder_ / "in", run.input));
  out_path_ = captured_ ? folder_ / "out" : run.output;
  if (captured_) must(write_file(out_path_, ""));
  std::string in_path = folder_ / "in";
  std::string err_path = folder_ / "err";

  std::vector<std::string> words = {run.program.string()};
  words.insert(words.end(), run.arguments.begin(), run.arguments.end());
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);

  id_ = ::fork();
  if (id_ == 0) {
    redirect(STDIN_FILENO, in_path.c_str(), O_RDONLY);
    redirect(STDOUT_FILENO, out_path_.c_str(), O_WRONLY);
    redirect(STDERR_FILENO, err_path.c_str(), O_WRONLY | O_CREAT);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
}

Process::~Process() {
  if (id_ < 0) return;
  ::kill(id_, SIGKILL);
  ::waitpid(id_, nullptr, 0);
}

void Process::interrupt() const { ::kill(id_, SIGINT); }

std::string Process::out_so_far() const { return captured_ ? must_read(out_path_) : ""; }

Outcome Process::wait() {
  int status = 0;
  ::waitpid(std::exchange(id_, -1), &status, 0);
  int exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  return {exit_code, out_so_far(), must_read(folder_ / "err")};
}

Outcome run(const std::vector<std::string>& arguments, const std::string& input) {
  return Process({.arguments = arguments, .input = input}).wait();
}

bool eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 3000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

std::string tiny() { return testing::source_path("models/qwen36-tiny").string(); }

}  // namespace nibble::apps
