#include "base/file.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "support/test_files.h"

namespace nibble {
namespace {

using ::testing::HasSubstr;
using testing::TemporaryFolder;

TEST(File, OutputAppearsWholeOrNotAtAll) {
  TemporaryFolder folder;
  {
    auto file = OutputFile::create(folder / "kept");
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->write("hello "));
    ASSERT_TRUE(file->write("world"));
    EXPECT_FALSE(std::filesystem::exists(folder / "kept"));
    ASSERT_TRUE(file->commit());
  }
  EXPECT_EQ(*read_file(folder / "kept"), "hello world");
  {
    auto file = OutputFile::create(folder / "dropped");
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->write("half"));
  }
  EXPECT_FALSE(std::filesystem::exists(folder / "dropped"));
  EXPECT_FALSE(std::filesystem::exists(folder / "dropped.partial"));
}

TEST(File, OutputNeverTakesThePlaceOfAPipeOrAFolder) {
  TemporaryFolder folder;
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  ASSERT_TRUE(std::filesystem::create_directory(folder / "folder"));
  std::filesystem::create_symlink(folder / "pipe", folder / "link");
  for (const char* name : {"pipe", "folder", "link"}) {
    auto file = OutputFile::create(folder / name);
    ASSERT_FALSE(file) << name;
    EXPECT_THAT(file.error().message(), HasSubstr("not a regular file"));
  }
  EXPECT_TRUE(std::filesystem::is_fifo(folder / "pipe"));
  EXPECT_FALSE(std::filesystem::exists(folder / "pipe.partial"));
}

TEST(File, OutputFolderRefusesWhatExistsAndCleansUp) {
  TemporaryFolder folder;
  {
    auto output = OutputFolder::create(folder / "out/");
    ASSERT_TRUE(output);
    ASSERT_TRUE(write_file(output->working_path() / "a", "x"));
    ASSERT_TRUE(output->commit());
  }
  EXPECT_EQ(*read_file(folder / "out/a"), "x");
  auto again = OutputFolder::create(folder / "out");
  ASSERT_FALSE(again);
  EXPECT_THAT(again.error().message(), HasSubstr("exists; nibble overwrites nothing"));
  {
    ASSERT_TRUE(OutputFolder::create(folder / "unfinished"));
  }
  EXPECT_FALSE(std::filesystem::exists(folder / "unfinished.partial"));
}

TEST(File, MapsAndReads) {
  TemporaryFolder folder;
  ASSERT_TRUE(write_file(folder / "data", "abc"));
  ASSERT_TRUE(write_file(folder / "empty", ""));
  auto mapped = MappedFile::open(folder / "data");
  ASSERT_TRUE(mapped);
  MappedFile moved = std::move(*mapped);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(moved.bytes().data()), moved.bytes().size()), "abc");
  EXPECT_TRUE(MappedFile::open(folder / "empty")->bytes().empty());
}

TEST(File, ErrorsNameThePathAndTheKind) {
  TemporaryFolder folder;
  auto missing = read_file(folder / "missing");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), ErrorCode::kNotFound);
  EXPECT_THAT(missing.error().message(), HasSubstr("missing"));
  EXPECT_THAT(MappedFile::open(folder.path()).error().message(), HasSubstr("not a regular file"));
  ASSERT_TRUE(write_file(folder / "big", "0123456789"));
  EXPECT_THAT(read_file(folder / "big", 5).error().message(), HasSubstr("10 bytes, more than the 5"));
}

TEST(File, FullDiskIsAnEnvironmentError) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "needs /dev/full";
  TemporaryFolder folder;
  std::filesystem::create_symlink("/dev/full", folder / "file.partial");
  auto file = OutputFile::create(folder / "file");
  ASSERT_TRUE(file) << file.error().describe();
  auto status = file->write("x");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code(), ErrorCode::kEnvironment);
  EXPECT_THAT(status.error().message(), HasSubstr("No space left"));
}

}  // namespace
}  // namespace nibble
