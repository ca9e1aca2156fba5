#include "quantize/matrix_pipeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "numerics/fp8.h"
#include "numerics/matrix_view.h"
#include "numerics/nvfp4.h"
#include "quantize/rounding.h"
#include "quantize/slab_loop.h"

namespace nibble::quantize {
namespace {

// Small enough that a step of the scale search takes milliseconds, and Ctrl-C is heard.
constexpr std::int64_t kSlabElements = 1 << 17;
// A batch is read twice, for the largest magnitude and for rounding: small enough that the second time hits memory,
// large enough to keep many threads busy with small experts.
constexpr std::int64_t kBatchElements = std::int64_t{32} << 20;

numerics::WeightFormat source_format(checkpoint::DType dtype) {
  if (dtype == checkpoint::DType::kBF16) return numerics::WeightFormat::kBf16;
  return dtype == checkpoint::DType::kF16 ? numerics::WeightFormat::kF16 : numerics::WeightFormat::kF32;
}

std::span<const std::byte> bytes_of(const float& value) { return std::as_bytes(std::span(&value, 1)); }

std::int64_t elements_of(const SharingGroup& group) {
  std::int64_t elements = 0;
  for (const PlannedMatrix& matrix : group) elements += matrix.rows * matrix.cols;
  return elements;
}

}  // namespace

// Rows [first_row, first_row + rows) of a matrix.
struct MatrixPipeline::Slab {
  const PlannedMatrix* matrix = nullptr;
  std::size_t group = 0;  // in the batch
  std::int64_t first_row = 0;
  std::int64_t rows = 0;
  numerics::MatrixView source;  // [rows, cols]
};

std::vector<MatrixPipeline::Slab> MatrixPipeline::slabs_of(Batch batch) const {
  std::vector<Slab> slabs;
  for (std::size_t group = 0; group < batch.size(); ++group) {
    for (const PlannedMatrix& matrix : batch[group]) {
      numerics::MatrixView view;
      view.format = source_format(matrix.source->dtype);
      view.cols = matrix.cols;
      view.data = store_.bytes(*matrix.source).data();
      const std::int64_t rows_per_slab =
          std::max<std::int64_t>(1, kSlabElements / std::max<std::int64_t>(1, matrix.cols));
      for (std::int64_t row = 0; row < matrix.rows; row += rows_per_slab) {
        const std::int64_t rows = std::min(rows_per_slab, matrix.rows - row);
        slabs.push_back({&matrix, group, row, rows, view.row_slice(matrix.first_row + row, rows)});
      }
    }
  }
  return slabs;
}

Result<float> MatrixPipeline::slab_amax(const Slab& slab) const {
  std::vector<float> values(static_cast<std::size_t>(slab.source.cols));
  float amax = 0;
  for (std::int64_t row = 0; row < slab.rows; ++row) {
    numerics::decode_row(slab.source, row, values.data());
    for (const float value : values) {
      if (!std::isfinite(value)) {
        return invalid_input(fmt::format("tensor '{}' has a NaN or infinite weight in row {}; the file is damaged",
                                         slab.matrix->source->name, slab.matrix->first_row + slab.first_row + row));
      }
      amax = std::max(amax, std::fabs(value));
    }
  }
  return amax;
}

Result<float> MatrixPipeline::input_scale(const PlannedMatrix& matrix) const {
  const auto found = input_amaxes_.find(matrix.module);
  if (found == input_amaxes_.end()) {
    return fail(ErrorCode::kUnsupported,
                fmt::format("calibration never saw an input of '{}', which the recipe puts in FP8; keep this layer",
                            matrix.module));
  }
  if (found->second == 0) {
    return invalid_input(
        fmt::format("calibration: every input of '{}' was zero; use another text, or keep this layer", matrix.module));
  }
  return numerics::fp8_scale(found->second);
}

// The scalars of each group; tensor_scales [groups] receives what its weights are divided by.
Status MatrixPipeline::write_scales(Batch batch, const std::vector<float>& amaxes, std::vector<float>& tensor_scales) {
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const Rule& rule = *batch[i].front().rule;
    const bool fp8 = rule.format == TargetFormat::kFp8;
    tensor_scales[i] = fp8 ? fp8_tensor_scale(amaxes[i]) : nvfp4_tensor_scale(amaxes[i], rule.nvfp4);
    for (const PlannedMatrix& matrix : batch[i]) {
      RETURN_IF_ERROR(
          writer_.write(matrix.module + (fp8 ? ".weight_scale" : ".weight_scale_2"), bytes_of(tensor_scales[i])));
      if (!fp8) continue;
      ASSIGN_OR_RETURN(const float scale, input_scale(matrix));
      RETURN_IF_ERROR(writer_.write(matrix.module + ".input_scale", bytes_of(scale)));
    }
  }
  return {};
}

// Rounds and writes one slab; totals receives what it adds to its tensor's summary.
Status MatrixPipeline::round_slab(const Slab& slab, float tensor_scale, QuantizedTensor& totals) {
  const bool fp8 = slab.matrix->rule->format == TargetFormat::kFp8;
  const auto cols = static_cast<std::size_t>(slab.source.cols);
  const std::size_t code_bytes = fp8 ? cols : cols / 2;
  const std::size_t blocks = fp8 ? 0 : cols / numerics::kNvfp4Block;
  const auto rows = static_cast<std::size_t>(slab.rows);
  std::vector<float> values(cols);
  std::vector<std::byte> codes(rows * code_bytes);
  std::vector<std::byte> block_scales(rows * blocks);

  RoundingError error;
  for (std::size_t row = 0; row < rows; ++row) {
    numerics::decode_row(slab.source, static_cast<std::int64_t>(row), values.data());
    std::byte* row_codes = codes.data() + row * code_bytes;
    error += fp8 ? round_row_to_fp8(values, tensor_scale, row_codes)
                 : round_row_to_nvfp4(values, tensor_scale, slab.matrix->rule->nvfp4, row_codes,
                                      block_scales.data() + row * blocks);
  }
  totals.elements = rows * cols;
  totals.squared_error = error.squared_error;
  totals.squared_magnitude = error.squared_magnitude;

  const auto first_row = static_cast<std::uint64_t>(slab.first_row);
  RETURN_IF_ERROR(writer_.write(slab.matrix->module + ".weight", first_row * code_bytes, codes));
  if (fp8) return {};
  return writer_.write(slab.matrix->module + ".weight_scale", first_row * blocks, block_scales);
}

Status MatrixPipeline::run_batch(Batch batch, std::vector<QuantizedTensor>& summary) {
  const std::vector<Slab> slabs = slabs_of(batch);
  const auto count = static_cast<std::int64_t>(slabs.size());

  std::vector<float> slab_amaxes(slabs.size());
  RETURN_IF_ERROR(for_each_slab(pool_, count, [&](std::int64_t i) -> Status {
    const auto slab = static_cast<std::size_t>(i);
    ASSIGN_OR_RETURN(slab_amaxes[slab], slab_amax(slabs[slab]));
    return {};
  }));
  std::vector<float> amaxes(batch.size());
  for (std::size_t i = 0; i < slabs.size(); ++i) {
    amaxes[slabs[i].group] = std::max(amaxes[slabs[i].group], slab_amaxes[i]);
  }
  std::vector<float> tensor_scales(batch.size());
  RETURN_IF_ERROR(write_scales(batch, amaxes, tensor_scales));

  std::vector<QuantizedTensor> totals(slabs.size());
  RETURN_IF_ERROR(for_each_slab(pool_, count, [&](std::int64_t i) {
    const auto slab = static_cast<std::size_t>(i);
    return round_slab(slabs[slab], tensor_scales[slabs[slab].group], totals[slab]);
  }));
  // Slabs are summed in their order, so that the sums do not depend on which thread was first.
  for (std::size_t i = 0; i < slabs.size(); ++i) {
    const PlannedMatrix& matrix = *slabs[i].matrix;
    if (summary.empty() || summary.back().name != matrix.source->name) {
      summary.push_back({.name = std::string(matrix.source->name),
                         .format = matrix.rule->format == TargetFormat::kFp8 ? "fp8" : "nvfp4"});
    }
    summary.back().elements += totals[i].elements;
    summary.back().squared_error += totals[i].squared_error;
    summary.back().squared_magnitude += totals[i].squared_magnitude;
  }
  return {};
}

Result<std::vector<QuantizedTensor>> MatrixPipeline::run(const Plan& plan, Progress& progress) {
  std::vector<QuantizedTensor> summary;
  const std::span<const SharingGroup> groups = plan.groups;
  for (std::size_t begin = 0; begin < groups.size();) {
    std::int64_t elements = 0;
    std::uint64_t bytes = 0;
    std::size_t end = begin;
    do {
      const std::int64_t group_elements = elements_of(groups[end]);
      elements += group_elements;
      bytes += static_cast<std::uint64_t>(group_elements) * dtype_bytes(groups[end].front().source->dtype);
      ++end;
    } while (end < groups.size() && elements + elements_of(groups[end]) <= kBatchElements);
    RETURN_IF_ERROR(run_batch(groups.subspan(begin, end - begin), summary));
    progress.advance(bytes);
    begin = end;
  }
  return summary;
}

}  // namespace nibble::quantize
