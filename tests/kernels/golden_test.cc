// The operations against the official code of the architecture (tools/golden/kernel_ops.py): single functions, and
// three whole layers put together from operations. Every implementation has to pass, the reference first of all.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <map>
#include <string>

#include "checkpoint/tensor_store.h"
#include "kernels/dispatch.h"
#include "kernels/operands.h"
#include "kernels/ops/causal_attention.h"
#include "kernels/ops/causal_conv_silu.h"
#include "kernels/ops/elementwise.h"
#include "kernels/ops/gated_delta_rule.h"
#include "kernels/ops/linear.h"
#include "kernels/ops/moe.h"
#include "kernels/ops/rms_norm.h"
#include "kernels/ops/rope.h"
#include "kernels/rope_tables.h"
#include "support/test_files.h"

namespace nibble::kernels::testing {
namespace {

using nibble::testing::golden_path;
using nibble::testing::must;

constexpr float kEpsilon = 1e-6F;

// The tensors of one golden file.
class Golden {
 public:
  explicit Golden(const std::string& group)
      : store_(must(checkpoint::TensorStore::open_file(golden_path("kernels/" + group + ".safetensors")))) {}

  Floats floats(std::string_view name) const { return values<float>(name, checkpoint::DType::kF32); }
  std::vector<std::int32_t> integers(std::string_view name) const {
    return values<std::int32_t>(name, checkpoint::DType::kI32);
  }
  std::int64_t dim(std::string_view name, std::size_t axis) const { return entry(name).shape[axis]; }

  // A matrix in place, [rows, cols]; leading dimensions beyond two count as rows.
  numerics::MatrixView matrix(std::string_view name) const {
    const checkpoint::TensorEntry& tensor = entry(name);
    const std::int64_t cols = tensor.shape[tensor.shape.rank() - 1];
    return {.format = numerics::WeightFormat::kF32,
            .rows = tensor.shape.elements() / cols,
            .cols = cols,
            .data = store_.bytes(tensor).data()};
  }

  std::vector<RopePosition> positions() const {
    const std::vector<std::int32_t> axes = integers("positions");
    std::vector<RopePosition> positions;
    for (std::size_t i = 0; i < axes.size(); i += 3) positions.push_back({axes[i], axes[i + 1], axes[i + 2]});
    return positions;
  }

 private:
  const checkpoint::TensorEntry& entry(std::string_view name) const {
    const checkpoint::TensorEntry* found = store_.find(name);
    EXPECT_NE(found, nullptr) << name;
    return *found;
  }

  template <typename T>
  std::vector<T> values(std::string_view name, checkpoint::DType dtype) const {
    const checkpoint::TensorEntry& tensor = entry(name);
    EXPECT_EQ(tensor.dtype, dtype) << name;
    std::vector<T> result(static_cast<std::size_t>(tensor.shape.elements()));
    std::memcpy(result.data(), store_.bytes(tensor).data(), result.size() * sizeof(T));
    return result;
  }

  checkpoint::TensorStore store_;
};

std::size_t size(std::int64_t count) { return static_cast<std::size_t>(count); }

// Implementations by name: "reference", "portable_AVX3", …
std::vector<std::string> implementations() {
  std::vector<std::string> names = {"reference"};
  for (const std::string& set : portable::instruction_sets()) names.push_back("portable_" + set);
  return names;
}

class GoldenTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const std::size_t underscore = GetParam().find('_');
    ASSERT_TRUE(use_isa(GetParam().substr(0, underscore)));
    if (underscore != std::string::npos) portable::use_instruction_set(GetParam().substr(underscore + 1));
  }
  void TearDown() override {
    portable::use_instruction_set("");
    EXPECT_TRUE(use_isa(""));
  }

  Floats multiply(const Floats& input, const numerics::MatrixView& weight) {
    const auto tokens = static_cast<std::int64_t>(input.size()) / weight.cols;
    Floats output(size(tokens * weight.rows));
    linear({weight, input.data(), output.data(), tokens}, pool_);
    return output;
  }

  // The norm of the text model, whose weight is centred on zero.
  void zero_centred_norm(Floats& rows, Floats weight) {
    for (float& w : weight) w += 1.0F;
    const auto width = static_cast<std::int64_t>(weight.size());
    rms_norm({rows.data(), weight.data(), rows.data(), static_cast<std::int64_t>(rows.size()) / width, width, kEpsilon},
             pool_);
  }

  ThreadPool pool_{2};
};
INSTANTIATE_TEST_SUITE_P(Implementations, GoldenTest, ::testing::ValuesIn(implementations()),
                         [](const auto& instance) { return instance.param; });

TEST_P(GoldenTest, Norms) {
  const Golden golden("norms");
  Floats plain = golden.floats("plain.input");
  zero_centred_norm(plain, golden.floats("plain.weight"));
  EXPECT_TRUE(within_relative(plain, golden.floats("plain.output"), 2e-6F));

  const Floats input = golden.floats("gated.input"), gate = golden.floats("gated.gate");
  const Floats weight = golden.floats("gated.weight");
  Floats gated(input.size());
  gated_rms_norm({input.data(), gate.data(), weight.data(), gated.data(), golden.dim("gated.input", 0),
                  golden.dim("gated.input", 1), kEpsilon},
                 pool_);
  EXPECT_TRUE(within_relative(gated, golden.floats("gated.output"), 4e-6F));
}

// A checkpoint's [channels, kernel] as [kernel, channels].
Floats taps_outermost(const Floats& weight, std::int64_t channels, std::int64_t kernel) {
  Floats result(weight.size());
  for (std::int64_t ch = 0; ch < channels; ++ch) {
    for (std::int64_t i = 0; i < kernel; ++i) result[size(i * channels + ch)] = weight[size(ch * kernel + i)];
  }
  return result;
}

TEST_P(GoldenTest, Convolution) {
  const Golden golden("convolution");
  const std::int64_t tokens = golden.dim("input", 0), channels = golden.dim("input", 1),
                     kernel = golden.dim("weight", 1);
  const Floats input = golden.floats("input");
  const Floats weight = taps_outermost(golden.floats("weight"), channels, kernel);
  Floats output(input.size()), state = golden.floats("state"), no_history(state.size());
  causal_conv_silu({input.data(), weight.data(), state.data(), output.data(), tokens, channels, kernel}, pool_);
  EXPECT_TRUE(within(output, golden.floats("output"), 1e-5F));
  EXPECT_TRUE(same_bits(state, golden.floats("state_after")));
  causal_conv_silu({input.data(), weight.data(), no_history.data(), output.data(), tokens, channels, kernel}, pool_);
  EXPECT_TRUE(within(output, golden.floats("output_without_state"), 1e-5F));
}

// The official functions normalise queries and keys themselves.
TEST_P(GoldenTest, DeltaRule) {
  const Golden golden("delta_rule");
  const std::int64_t tokens = golden.dim("query", 0), key_heads = golden.dim("query", 1),
                     key_dim = golden.dim("query", 2);
  const std::int64_t value_heads = golden.dim("value", 1), value_dim = golden.dim("value", 2);
  Floats query = golden.floats("query"), key = golden.floats("key"), state = golden.floats("initial_state");
  const Floats value = golden.floats("value"), decay = golden.floats("g"), beta = golden.floats("beta");
  Floats output(value.size());
  const std::int64_t stride = key_heads * key_dim;
  const float scale = 1.0F / std::sqrt(static_cast<float>(key_dim));
  l2_normalize({query.data(), tokens, key_heads, key_dim, stride, scale}, pool_);
  l2_normalize({key.data(), tokens, key_heads, key_dim, stride, 1.0F}, pool_);
  gated_delta_rule({.queries = query.data(),
                    .keys = key.data(),
                    .values = value.data(),
                    .query_stride = stride,
                    .key_stride = stride,
                    .value_stride = value_heads * value_dim,
                    .decay = decay.data(),
                    .beta = beta.data(),
                    .state_inout = state.data(),
                    .output = output.data(),
                    .tokens = tokens,
                    .key_heads = key_heads,
                    .value_heads = value_heads,
                    .key_dim = key_dim,
                    .value_dim = value_dim},
                   pool_);
  for (const std::string form : {"chunked", "recurrent"}) {
    EXPECT_TRUE(within(output, golden.floats(form + ".output"), 2e-5F)) << form;
    EXPECT_TRUE(within(state, golden.floats(form + ".state"), 2e-5F)) << form;
  }
}

TEST_P(GoldenTest, AttentionLayer) {
  const Golden golden("attention_layer");
  const std::int64_t heads = 6, kv_heads = 3, head_dim = golden.dim("q_norm.weight", 0), rotary_dim = head_dim / 4;
  const std::int64_t tokens = golden.dim("input", 0);
  const Floats input = golden.floats("input");

  const Floats projected = multiply(input, golden.matrix("q_proj.weight"));
  Floats queries(projected.size() / 2), gates(projected.size() / 2);
  split_query_gate({projected.data(), queries.data(), gates.data(), tokens, heads, head_dim}, pool_);
  Floats keys = multiply(input, golden.matrix("k_proj.weight"));
  const Floats values = multiply(input, golden.matrix("v_proj.weight"));
  zero_centred_norm(queries, golden.floats("q_norm.weight"));
  zero_centred_norm(keys, golden.floats("k_norm.weight"));

  const RopeTables tables({.rotary_dim = rotary_dim, .mrope_section = {1, 1, 1}});
  Floats cos(size(tokens * rotary_dim / 2)), sin(cos.size());
  tables.fill(golden.positions(), cos.data(), sin.data());
  rope({queries.data(), cos.data(), sin.data(), tokens, heads, head_dim, rotary_dim}, pool_);
  rope({keys.data(), cos.data(), sin.data(), tokens, kv_heads, head_dim, rotary_dim}, pool_);

  Floats attended(queries.size());
  causal_attention({.queries = queries.data(),
                    .keys = keys.data(),
                    .values = values.data(),
                    .output = attended.data(),
                    .tokens = tokens,
                    .first_position = 0,
                    .heads = heads,
                    .kv_heads = kv_heads,
                    .head_dim = head_dim,
                    .scale = 1.0F / std::sqrt(static_cast<float>(head_dim))},
                   pool_);
  sigmoid_gate({attended.data(), gates.data(), static_cast<std::int64_t>(gates.size())}, pool_);
  EXPECT_TRUE(within(multiply(attended, golden.matrix("o_proj.weight")), golden.floats("output"), 1e-5F));
}

TEST_P(GoldenTest, DeltaLayer) {
  const Golden golden("delta_layer");
  const std::int64_t key_heads = 2, key_dim = 12, value_heads = golden.dim("A_log", 0),
                     value_dim = golden.dim("norm.weight", 0);
  const std::int64_t tokens = golden.dim("input", 0), channels = golden.dim("conv1d.weight", 0);
  const std::int64_t kernel = golden.dim("conv1d.weight", 2);
  const Floats input = golden.floats("input");

  const Floats raw = multiply(input, golden.matrix("in_proj_qkv.weight"));
  const Floats taps = taps_outermost(golden.floats("conv1d.weight"), channels, kernel);
  Floats qkv(raw.size()), conv_state(size((kernel - 1) * channels));
  causal_conv_silu({raw.data(), taps.data(), conv_state.data(), qkv.data(), tokens, channels, kernel}, pool_);

  float* keys = qkv.data() + key_heads * key_dim;
  const float scale = 1.0F / std::sqrt(static_cast<float>(key_dim));
  l2_normalize({qkv.data(), tokens, key_heads, key_dim, channels, scale}, pool_);
  l2_normalize({keys, tokens, key_heads, key_dim, channels, 1.0F}, pool_);

  Floats decay = multiply(input, golden.matrix("in_proj_a.weight"));
  Floats beta = multiply(input, golden.matrix("in_proj_b.weight"));
  const Floats a_log = golden.floats("A_log"), dt_bias = golden.floats("dt_bias");
  delta_gates({decay.data(), beta.data(), a_log.data(), dt_bias.data(), decay.data(), beta.data(), tokens, value_heads},
              pool_);

  Floats mixed(size(tokens * value_heads * value_dim)), state(size(value_heads * key_dim * value_dim));
  gated_delta_rule({.queries = qkv.data(),
                    .keys = keys,
                    .values = qkv.data() + 2 * key_heads * key_dim,
                    .query_stride = channels,
                    .key_stride = channels,
                    .value_stride = channels,
                    .decay = decay.data(),
                    .beta = beta.data(),
                    .state_inout = state.data(),
                    .output = mixed.data(),
                    .tokens = tokens,
                    .key_heads = key_heads,
                    .value_heads = value_heads,
                    .key_dim = key_dim,
                    .value_dim = value_dim},
                   pool_);

  const Floats gate = multiply(input, golden.matrix("in_proj_z.weight")), weight = golden.floats("norm.weight");
  gated_rms_norm({mixed.data(), gate.data(), weight.data(), mixed.data(), tokens * value_heads, value_dim, kEpsilon},
                 pool_);
  // The first token reads β (k̂·q̂) v from an empty state: where k̂·q̂ cancels, the norm magnifies float32's error, ours
  // and the official code's.
  EXPECT_TRUE(within(multiply(mixed, golden.matrix("out_proj.weight")), golden.floats("output"), 1e-4F));
}

TEST_P(GoldenTest, MoeLayer) {
  const Golden golden("moe_layer");
  const std::int64_t tokens = golden.dim("input", 0), hidden = golden.dim("input", 1);
  const std::int64_t experts = golden.dim("gate.weight", 0), top_k = golden.dim("router.ids", 1);
  const std::int64_t expert_width = golden.dim("experts.down_proj", 2);
  const Floats input = golden.floats("input");

  const Floats logits = multiply(input, golden.matrix("gate.weight"));
  std::vector<std::int32_t> ids(size(tokens * top_k));
  Floats weights(ids.size());
  moe_router({logits.data(), ids.data(), weights.data(), tokens, experts, top_k}, pool_);
  EXPECT_EQ(ids, golden.integers("router.ids"));
  EXPECT_TRUE(within(weights, golden.floats("router.weights"), 2e-6F));

  const numerics::MatrixView gate_up = golden.matrix("experts.gate_up_proj"), down = golden.matrix("experts.down_proj");
  std::vector<ExpertWeights> views;
  for (std::int64_t e = 0; e < experts; ++e) {
    views.push_back({gate_up.row_slice(2 * e * expert_width, expert_width),
                     gate_up.row_slice((2 * e + 1) * expert_width, expert_width), down.row_slice(e * hidden, hidden)});
  }
  Floats output(input.size());
  moe_experts({.experts = views,
               .input = input.data(),
               .expert_ids = ids.data(),
               .weights = weights.data(),
               .activations = nullptr,
               .output = output.data(),
               .tokens = tokens,
               .top_k = top_k,
               .hidden = hidden,
               .expert_width = expert_width},
              pool_);

  Floats shared = multiply(input, golden.matrix("shared_expert.gate_proj.weight"));
  const Floats up = multiply(input, golden.matrix("shared_expert.up_proj.weight"));
  swiglu({shared.data(), up.data(), shared.data(), static_cast<std::int64_t>(up.size())}, pool_);
  shared = multiply(shared, golden.matrix("shared_expert.down_proj.weight"));
  const Floats gate = multiply(input, golden.matrix("shared_expert_gate.weight"));
  gated_add({output.data(), shared.data(), gate.data(), tokens, hidden}, pool_);
  EXPECT_TRUE(within(output, golden.floats("output"), 2e-5F));
}

// [11, 11, 10] over 32 frequencies, with image positions, long contexts and YaRN (architecture §1.4, §3.3).
class RopeTablesTest : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Yarn, RopeTablesTest, ::testing::Bool());

TEST_P(RopeTablesTest, AgreeWithTheOfficialCode) {
  const Golden golden("rotary");
  const bool yarn = GetParam();
  const std::string name = yarn ? "yarn" : "default";
  RopeParameters parameters{.rotary_dim = 64, .mrope_section = {11, 11, 10}};
  if (yarn) parameters.yarn = YarnScaling{.factor = 4.0, .original_context = 262144};
  const RopeTables tables(parameters);
  ASSERT_EQ(tables.rotary_dim(), 64);
  const auto frequencies = tables.inverse_frequencies();
  EXPECT_TRUE(
      within_relative({frequencies.begin(), frequencies.end()}, golden.floats(name + ".inverse_frequencies"), 3e-7F));

  const std::vector<RopePosition> positions = golden.positions();
  const Floats expected_cos = golden.floats(name + ".cos"), expected_sin = golden.floats(name + ".sin");
  Floats cos(expected_cos.size()), sin(cos.size()), tolerance(cos.size());
  tables.fill(positions, cos.data(), sin.data());
  for (std::size_t i = 0; i < tolerance.size(); ++i) {
    // An inverse frequency that differs in its last bit turns the angle by that much.
    const RopePosition& p = positions[i / frequencies.size()];
    const auto farthest = static_cast<float>(std::max({p.time, p.height, p.width}));
    tolerance[i] = 1e-6F + 3e-7F * farthest * frequencies[i % frequencies.size()];
  }
  EXPECT_TRUE(within(cos, expected_cos, tolerance));
  EXPECT_TRUE(within(sin, expected_sin, tolerance));
}

TEST(RopeTables, AttentionFactorOfYarn) {
  EXPECT_EQ(RopeTables({}).attention_factor(), 1.0F);
  EXPECT_FLOAT_EQ(RopeTables({.yarn = YarnScaling{.factor = 4.0, .original_context = 262144}}).attention_factor(),
                  1.138629436F);  // 0.1 ln 4 + 1
  EXPECT_EQ(RopeTables({.yarn = YarnScaling{.factor = 4.0, .original_context = 4096, .attention_factor = 1.5}})
                .attention_factor(),
            1.5F);
}

}  // namespace
}  // namespace nibble::kernels::testing
