#include "checkpoint/safetensors_writer.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstring>
#include <thread>

#include "base/json.h"
#include "support/test_files.h"

namespace nibble::checkpoint {
namespace {

using ::nibble::testing::must;
using ::nibble::testing::must_read;
using ::nibble::testing::TemporaryFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::span<const std::byte> as_bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

std::vector<std::string> file_names(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(folder)) names.push_back(file.path().filename().string());
  std::ranges::sort(names);
  return names;
}

std::string text_of(const TensorStore& store, std::string_view name) {
  auto bytes = store.bytes(*store.find(name));
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(SafetensorsWriter, OneShardIsOneFileWithoutIndex) {
  TemporaryFolder folder;
  auto writer = must(SafetensorsWriter::create(
      folder.path(), {{"b", DType::kU8, {2, 2}}, {"a", DType::kF32, {}}, {"none", DType::kU8, {0}}}));
  must(writer.write("a", as_bytes("1234")));
  must(writer.write("b", 2, as_bytes("yz")));
  must(writer.write("b", 0, as_bytes("wx")));
  must(writer.finish());
  EXPECT_THAT(file_names(folder.path()), ElementsAre("model.safetensors"));

  std::string file = must_read(folder / "model.safetensors");
  std::uint64_t header_size = 0;
  std::memcpy(&header_size, file.data(), 8);
  EXPECT_EQ(header_size % 8, 0U);
  EXPECT_EQ(file.substr(8 + header_size), "wxyz1234");
  auto header = JsonDocument::parse(std::string_view(file).substr(8, header_size));
  ASSERT_TRUE(header);
  EXPECT_EQ(header->root().find("__metadata__").find("format").as_string(), "pt");

  auto store = must(TensorStore::open(folder.path()));
  EXPECT_EQ(store.entries().size(), 3U);
  EXPECT_EQ(text_of(store, "b"), "wxyz");
  EXPECT_EQ(text_of(store, "a"), "1234");
  EXPECT_EQ(store.total_bytes(), 8U);
}

TEST(SafetensorsWriter, FillsShardsInOrderAndIndexesThem) {
  TemporaryFolder folder;
  auto writer = must(SafetensorsWriter::create(
      folder.path(),
      {{"z", DType::kU8, {6}}, {"a", DType::kU8, {4}}, {"large", DType::kU8, {25}}, {"b", DType::kU8, {1}}}, 10));
  for (auto [name, text] :
       {std::pair("z", "zzzzzz"), {"a", "aaaa"}, {"large", "0123456789012345678901234"}, {"b", "b"}}) {
    must(writer.write(name, as_bytes(text)));
  }
  must(writer.finish());
  EXPECT_THAT(file_names(folder.path()),
              ElementsAre("model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors",
                          "model-00003-of-00003.safetensors", "model.safetensors.index.json"));
  EXPECT_EQ(must_read(folder / "model.safetensors.index.json"), R"({
  "metadata": {
    "total_size": 36
  },
  "weight_map": {
    "a": "model-00001-of-00003.safetensors",
    "b": "model-00003-of-00003.safetensors",
    "large": "model-00002-of-00003.safetensors",
    "z": "model-00001-of-00003.safetensors"
  }
}
)");
  auto store = must(TensorStore::open(folder.path()));
  EXPECT_EQ(store.shard_count(), 3U);
  EXPECT_EQ(store.shard_name(store.find("large")->shard), "model-00002-of-00003.safetensors");
  EXPECT_EQ(text_of(store, "large"), "0123456789012345678901234");
}

TEST(SafetensorsWriter, RefusesWhatThePlanDoesNotHave) {
  TemporaryFolder folder;
  auto writer = must(SafetensorsWriter::create(folder.path(), {{"a", DType::kU8, {4}}}));
  auto error = [](Status status) { return status ? "no error" : status.error().describe(); };
  EXPECT_THAT(error(writer.write("b", as_bytes("1234"))), HasSubstr("tensor \"b\" was not planned"));
  EXPECT_THAT(error(writer.write("a", as_bytes("123"))), HasSubstr("4 bytes were planned, 3 were given"));
  EXPECT_THAT(error(writer.write("a", 2, as_bytes("123"))), HasSubstr("3 bytes at 2 exceed its 4"));
  EXPECT_THAT(error(writer.write("a", ~std::uint64_t{0}, as_bytes("123"))), HasSubstr("exceed its 4"));
  must(writer.write("a", 1, as_bytes("23")));
  EXPECT_THAT(error(writer.write("a", 2, as_bytes("34"))), HasSubstr("bytes [2, 4) were written before"));
  EXPECT_THAT(error(writer.finish()),
              HasSubstr("model.safetensors: tensor \"a\": only 2 of 4 bytes were written; the first gap is at byte 0"));

  auto creation_error = [&](std::vector<PlannedTensor> plan) {
    auto created = SafetensorsWriter::create(folder.path(), std::move(plan));
    return created ? "no error" : created.error().describe();
  };
  EXPECT_THAT(creation_error({{"a", DType::kU8, {4}}, {"a", DType::kU8, {4}}}), HasSubstr("planned twice"));
  EXPECT_THAT(creation_error({{"a", DType::kF64, {std::int64_t{1} << 62}}}), HasSubstr("more than 2^64"));
  auto nowhere = SafetensorsWriter::create(folder / "absent", {{"a", DType::kU8, {4}}});
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code(), ErrorCode::kNotFound);
}

TEST(SafetensorsWriter, LeavesNothingWithoutFinish) {
  TemporaryFolder folder;
  {
    auto writer = must(SafetensorsWriter::create(folder.path(), {{"a", DType::kU8, {4}}, {"b", DType::kU8, {4}}}, 4));
    must(writer.write("a", as_bytes("1234")));
    EXPECT_FALSE(writer.finish());
  }
  EXPECT_THAT(file_names(folder.path()), ElementsAre());
}

TEST(SafetensorsWriter, TakesDisjointRangesFromSeveralThreads) {
  TemporaryFolder folder;
  constexpr std::size_t kSize = 1 << 16;
  constexpr std::size_t kPiece = 64;
  std::string content(kSize, '\0');
  for (std::size_t i = 0; i < kSize; ++i) content[i] = static_cast<char>(i * 2654435761U >> 13);
  auto writer = must(SafetensorsWriter::create(folder.path(), {{"a", DType::kU8, {kSize}}}));
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t at = t * kPiece; at < kSize; at += 4 * kPiece) {
        must(writer.write("a", at, as_bytes(content).subspan(at, kPiece)));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  must(writer.finish());
  auto store = must(TensorStore::open(folder.path()));
  EXPECT_EQ(text_of(store, "a"), content);
}

// What the reference library wrote, written again from its plan: the data must be equal byte for byte.
TEST(SafetensorsWriter, RewritesARealFile) {
  auto original = must(TensorStore::open(testing::source_path("models/qwen36-tiny")));
  std::vector<PlannedTensor> plan;
  for (const TensorEntry& entry : original.entries())
    plan.push_back({std::string(entry.name), entry.dtype, entry.shape});
  TemporaryFolder folder;
  auto writer = must(SafetensorsWriter::create(folder.path(), plan, 5'000'000));
  for (const TensorEntry& entry : original.entries()) must(writer.write(entry.name, original.bytes(entry)));
  must(writer.finish());
  auto copy = must(TensorStore::open(folder.path()));
  ASSERT_EQ(copy.entries().size(), 160U);
  EXPECT_GT(copy.shard_count(), 3U);
  EXPECT_EQ(copy.total_bytes(), original.total_bytes());
  for (const TensorEntry& entry : original.entries()) {
    const TensorEntry* copied = copy.find(entry.name);
    ASSERT_NE(copied, nullptr) << entry.name;
    EXPECT_EQ(copied->dtype, entry.dtype);
    EXPECT_EQ(copied->shape, entry.shape);
    EXPECT_TRUE(std::ranges::equal(copy.bytes(*copied), original.bytes(entry))) << entry.name;
  }
}

}  // namespace
}  // namespace nibble::checkpoint
