// Runs the built program as a user does.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "support/test_files.h"

namespace nibble::apps {

struct Outcome {
  int exit_code = 0;  // -signal where a signal ended the program
  std::string out;
  std::string err;
};

struct Run {
  std::vector<std::string> arguments;
  std::string input;                               // standard input
  std::filesystem::path output = {};               // an existing file for standard output, for instance /dev/full
  std::filesystem::path program = NIBBLE_PROGRAM;  // another copy of it
};

// A program under way.
class Process {
 public:
  explicit Process(const Run& run);
  ~Process();  // kills what still runs
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void interrupt() const;  // as Ctrl-C
  std::string out_so_far() const;
  Outcome wait();

 private:
  testing::TemporaryFolder folder_;
  std::filesystem::path out_path_;
  bool captured_ = false;
  pid_t id_ = -1;
};

Outcome run(const std::vector<std::string>& arguments, const std::string& input = "");

// Calls condition until it holds; false after 30 seconds.
bool eventually(const std::function<bool()>& condition);

// models/qwen36-tiny
std::string tiny();

}  // namespace nibble::apps
