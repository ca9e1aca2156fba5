// Reads, rounds and writes the matrices of a plan: in parallel, in memory bounded by slabs of rows.
#pragma once

#include <vector>

#include "base/error.h"
#include "base/progress.h"
#include "base/thread_pool.h"
#include "checkpoint/safetensors_writer.h"
#include "checkpoint/tensor_store.h"
#include "quantize/calibration.h"
#include "quantize/plan.h"
#include "quantize/quantizer.h"

namespace nibble::quantize {

class MatrixPipeline {
 public:
  MatrixPipeline(const checkpoint::TensorStore& store, const InputAmaxes& input_amaxes,
                 checkpoint::SafetensorsWriter& writer, ThreadPool& pool)
      : store_(store), input_amaxes_(input_amaxes), writer_(writer), pool_(pool) {}

  // The bytes written and the errors reported do not depend on the number of threads. One entry a source tensor.
  // Errors name the tensor: NaN or infinite weights, an FP8 layer that calibration has not seen, writing.
  Result<std::vector<QuantizedTensor>> run(const Plan& plan, Progress& progress);

 private:
  struct Slab;
  using Batch = std::span<const SharingGroup>;

  std::vector<Slab> slabs_of(Batch batch) const;
  Status run_batch(Batch batch, std::vector<QuantizedTensor>& summary);
  Result<float> slab_amax(const Slab& slab) const;
  Status write_scales(Batch batch, const std::vector<float>& amaxes, std::vector<float>& tensor_scales);
  Result<float> input_scale(const PlannedMatrix& matrix) const;
  Status round_slab(const Slab& slab, float tensor_scale, QuantizedTensor& totals);

  const checkpoint::TensorStore& store_;
  const InputAmaxes& input_amaxes_;
  checkpoint::SafetensorsWriter& writer_;
  ThreadPool& pool_;
};

}  // namespace nibble::quantize
