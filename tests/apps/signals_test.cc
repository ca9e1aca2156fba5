// Ctrl-C, and readers that leave.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "program.h"

namespace nibble::apps {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::TemporaryFolder;

TEST(Interrupt, QuantizeLeavesNothingBehind) {
  TemporaryFolder folder;
  Process process(
      {.arguments = {"quantize", tiny(), "-o", (folder / "out").string(), "--recipe", "nvidia"}, .input = ""});
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(folder / "out.partial"); }));
  process.interrupt();
  Outcome outcome = process.wait();
  EXPECT_EQ(outcome.exit_code, 130);
  EXPECT_THAT(outcome.err, HasSubstr("nibble: "));
  EXPECT_THAT(outcome.err, HasSubstr("stopped on request"));
  EXPECT_THAT(outcome.out, IsEmpty());
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Interrupt, RunKeepsWhatItSaid) {
  // 4,096 tokens take seconds; the first words come at once.
  Process process({.arguments = {"run", tiny(), "--raw", "-p", "The", "--seed", "1", "--threads", "1"}, .input = ""});
  ASSERT_TRUE(eventually([&] { return !process.out_so_far().empty(); }));
  process.interrupt();
  Outcome outcome = process.wait();
  EXPECT_EQ(outcome.exit_code, 130);
  EXPECT_THAT(outcome.out, Not(IsEmpty()));
  EXPECT_EQ(outcome.err, "nibble: stopped on request\n");
}

TEST(Reader, ThatLeavesEndsTheProgramQuietly) {
  TemporaryFolder folder;
  std::filesystem::path pipe = folder / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK);
  Process process({.arguments = {"run", tiny(), "--raw", "-p", "The", "--seed", "1"}, .input = "", .output = pipe});
  char byte = 0;
  ASSERT_TRUE(eventually([&] { return ::read(reader, &byte, 1) == 1; }));
  ::close(reader);
  Outcome outcome = process.wait();
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_THAT(outcome.err, IsEmpty());
}

}  // namespace
}  // namespace nibble::apps
