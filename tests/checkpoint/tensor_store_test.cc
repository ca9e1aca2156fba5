#include "checkpoint/tensor_store.h"

#include <gmock/gmock.h>

#include <fstream>

#include "base/file.h"
#include "checkpoint/safetensors_writer.h"
#include "support/test_files.h"

namespace nibble::checkpoint {
namespace {

using ::nibble::testing::must;
using ::nibble::testing::must_read;
using ::nibble::testing::TemporaryFolder;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kFirst = "model-00001-of-00002.safetensors";
constexpr std::string_view kSecond = "model-00002-of-00002.safetensors";
constexpr std::string_view kIndex = "model.safetensors.index.json";

void write_tensors(const std::filesystem::path& folder, std::vector<PlannedTensor> plan, std::uint64_t max_shard) {
  auto writer = must(SafetensorsWriter::create(folder, plan, max_shard));
  for (const PlannedTensor& tensor : plan) {
    std::vector<std::byte> bytes(static_cast<std::size_t>(tensor.shape.elements()) * dtype_bytes(tensor.dtype));
    must(writer.write(tensor.name, bytes));
  }
  must(writer.finish());
}

// Two shards, "a.x" and "a.y" in the first, "b.x" in the second.
void write_good_folder(const std::filesystem::path& folder) {
  write_tensors(folder, {{"a.x", DType::kF32, {2}}, {"a.y", DType::kBF16, {2, 2}}, {"b.x", DType::kU8, {16}}}, 16);
}

std::string open_error(const std::filesystem::path& folder) {
  auto store = TensorStore::open(folder);
  return store ? "no error" : store.error().describe();
}

void edit(const std::filesystem::path& path, std::string_view from, std::string_view to) {
  std::string text = must_read(path);
  std::size_t at = text.find(from);
  ASSERT_NE(at, std::string::npos) << from;
  must(write_file(path, text.replace(at, from.size(), to)));
}

TEST(Shape, DescribesComparesAndRefuses) {
  EXPECT_EQ(Shape({512, 128}).describe(), "[512, 128]");
  EXPECT_EQ(Shape().describe(), "[]");
  EXPECT_EQ(Shape({2, 0, 3}).elements(), 0);
  EXPECT_NE(Shape({4}), Shape({4, 1}));
  EXPECT_EQ(Shape::from(std::vector<std::int64_t>(9, 1)), std::nullopt);
  EXPECT_EQ(Shape::from(std::vector<std::int64_t>{-1}), std::nullopt);
  EXPECT_EQ(Shape::from(std::vector<std::int64_t>{std::int64_t{1} << 32, std::int64_t{1} << 31}), std::nullopt);
}

TEST(TensorStore, FindsByNameAndPrefix) {
  TemporaryFolder folder;
  write_good_folder(folder.path());
  auto store = must(TensorStore::open(folder.path()));
  EXPECT_EQ(store.shard_count(), 2U);
  EXPECT_EQ(store.total_bytes(), 32U);
  ASSERT_NE(store.find("b.x"), nullptr);
  EXPECT_EQ(store.shard_name(store.find("b.x")->shard), kSecond);
  EXPECT_EQ(store.find("a"), nullptr);
  EXPECT_EQ(store.find("c"), nullptr);
  auto range = store.with_prefix("a.");
  ASSERT_EQ(range.size(), 2U);
  EXPECT_EQ(range[1].name, "a.y");
  EXPECT_EQ(store.with_prefix("").size(), 3U);
  EXPECT_TRUE(store.with_prefix("aa").empty());
  EXPECT_TRUE(store.with_prefix("z").empty());
}

TEST(TensorStore, RequireNamesShardTensorExpectedAndFound) {
  TemporaryFolder folder;
  write_good_folder(folder.path());
  auto store = must(TensorStore::open(folder.path()));
  const DType floats[] = {DType::kBF16, DType::kF32};
  EXPECT_EQ(must(store.require("a.x", {2}, floats))->size, 8U);
  EXPECT_THAT(store.require("a.x", {3}, floats).error().describe(),
              HasSubstr("model-00001-of-00002.safetensors: tensor \"a.x\": expected BF16 or F32 [3], found F32 [2]"));
  EXPECT_THAT(store.require("b.x", {16}, floats).error().describe(), HasSubstr("found U8 [16]"));
  auto absent = store.require("c", {3}, floats);
  EXPECT_EQ(absent.error().code(), ErrorCode::kNotFound);
  EXPECT_THAT(absent.error().describe(), HasSubstr("no tensor \"c\"; expected BF16 or F32 [3]"));
}

TEST(TensorStore, FoldersWithoutWeightsSayWhatTheyHave) {
  TemporaryFolder folder;
  EXPECT_THAT(open_error(folder.path()), HasSubstr("has neither model.safetensors nor model.safetensors.index.json"));
  must(write_file(folder / "pytorch_model.bin", "x"));
  EXPECT_THAT(open_error(folder.path()), HasSubstr("\"pytorch_model.bin\", a format that nibble does not read"));
  must(write_file(folder / kFirst, "x"));
  EXPECT_THAT(open_error(folder.path()), HasSubstr("the index is missing: download it"));
  EXPECT_THAT(open_error(folder / "absent"), HasSubstr("has neither"));
}

TEST(TensorStore, MissingOrDamagedShards) {
  TemporaryFolder folder;
  write_good_folder(folder.path());
  std::string shard = must_read(folder / kSecond);
  std::filesystem::remove(folder / kSecond);
  EXPECT_THAT(open_error(folder.path()), AllOf(HasSubstr(std::string(kSecond)), HasSubstr("1 of the 2 shards")));
  must(write_file(folder / kSecond, std::string_view(shard).substr(0, shard.size() - 1)));
  EXPECT_THAT(open_error(folder.path()), AllOf(HasSubstr(std::string(kSecond)), HasSubstr("\"b.x\""),
                                               HasSubstr("outside the file, which has 15 bytes")));
  must(write_file(folder / kSecond, ""));
  EXPECT_THAT(open_error(folder.path()), HasSubstr("0 bytes"));
  std::filesystem::remove(folder / kSecond);
  std::filesystem::create_directory(folder / kSecond);
  EXPECT_THAT(open_error(folder.path()), HasSubstr("not a regular file"));
}

TEST(TensorStore, IndexAndHeadersMustAgree) {
  TemporaryFolder folder;
  write_good_folder(folder.path());
  const std::string index = must_read(folder / kIndex);
  auto with_index = [&](std::string_view from, std::string_view to) {
    must(write_file(folder / kIndex, index));
    edit(folder / kIndex, from, to);
    return open_error(folder.path());
  };
  EXPECT_THAT(with_index("\"a.y\"", "\"a.z\""),
              AllOf(HasSubstr(std::string(kIndex)), HasSubstr("does not list tensor \"a.y\"")));
  EXPECT_THAT(with_index("\"a.y\"", "\"a.b\""),
              AllOf(HasSubstr("lists tensor \"a.b\" in model-00001"), HasSubstr("another revision")));
  EXPECT_THAT(with_index("\"b.x\"", "\"b.y\""), HasSubstr("does not list tensor \"b.x\""));
  EXPECT_THAT(with_index(kFirst, kSecond), HasSubstr("lists tensor \"a.x\" in model-00002"));
  EXPECT_THAT(with_index(kFirst, "../x"), AllOf(HasSubstr("same folder"), HasSubstr("\"../x\"")));
  EXPECT_THAT(with_index(kFirst, "/etc/passwd"), HasSubstr("same folder"));
  EXPECT_THAT(with_index(kFirst, ".."), HasSubstr("same folder"));
  EXPECT_THAT(with_index(kFirst, ""), HasSubstr("same folder"));
  EXPECT_THAT(with_index("\"weight_map\"", "\"weights\""), HasSubstr("'weight_map': expected an object"));
  EXPECT_THAT(with_index("{", "["), HasSubstr("not valid JSON"));
}

TEST(TensorStore, ATensorInTwoShards) {
  TemporaryFolder folder;
  write_good_folder(folder.path());
  std::filesystem::copy_file(folder / kFirst, folder / kSecond, std::filesystem::copy_options::overwrite_existing);
  EXPECT_THAT(open_error(folder.path()), AllOf(HasSubstr("tensor \"a.x\" stands in both"), HasSubstr("model-00002")));
}

TEST(TensorStore, AnIndexBesideAnUnrelatedSingleFile) {
  TemporaryFolder folder;
  write_good_folder(folder.path());
  std::filesystem::copy_file(folder / kFirst, folder / "model.safetensors");
  EXPECT_THAT(open_error(folder.path()), HasSubstr("remove the one that does not belong"));
}

TEST(TensorStore, AnIndexMayNameTheSingleFile) {
  TemporaryFolder folder;
  write_tensors(folder.path(), {{"a", DType::kU8, {1}}}, 16);
  must(write_file(folder / kIndex, R"({"weight_map": {"a": "model.safetensors"}})"));
  EXPECT_EQ(must(TensorStore::open(folder.path())).entries().size(), 1U);
}

// Hugging Face's cache stores shards as links into another folder.
TEST(TensorStore, ShardsMayBeLinks) {
  TemporaryFolder folder;
  TemporaryFolder links;
  write_good_folder(folder.path());
  for (std::string_view name : {kFirst, kSecond, kIndex}) {
    std::filesystem::create_symlink(folder / name, links / name);
  }
  EXPECT_EQ(must(TensorStore::open(links.path())).entries().size(), 3U);
}

}  // namespace
}  // namespace nibble::checkpoint
