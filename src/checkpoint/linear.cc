// Checkpoint::linear(): one weight matrix out of the tensors that share its module's name.
#include <fmt/format.h>

#include <cstddef>

#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors_header.h"
#include "checkpoint/scales.h"

namespace nibble::checkpoint {
namespace {

using numerics::MatrixView;
using numerics::WeightFormat;

constexpr std::int64_t kNvfp4Block = 16;

// The tensors of a module, by the last part of their names.
struct LinearTensors {
  const TensorEntry* weight = nullptr;
  const TensorEntry* weight_scale = nullptr;
  const TensorEntry* weight_scale_2 = nullptr;
  const TensorEntry* input_scale = nullptr;
};

// Every tensor of the module has to be understood: one that is passed over (a bias, AWQ's pre_quant_scale, the scales
// of another format) would change the result without a word.
Result<LinearTensors> collect(const TensorStore& store, std::string_view module) {
  const std::string prefix = std::string(module) + ".";
  LinearTensors found;
  for (const TensorEntry& entry : store.with_prefix(prefix)) {
    std::string_view part = entry.name.substr(prefix.size());
    if (part == "weight") {
      found.weight = &entry;
    } else if (part == "weight_scale") {
      found.weight_scale = &entry;
    } else if (part == "weight_scale_2") {
      found.weight_scale_2 = &entry;
    } else if (part == "input_scale") {
      found.input_scale = &entry;
    } else if (part != "k_scale" && part != "v_scale") {  // of the KV cache, not of the weight
      return fail(ErrorCode::kUnsupported,
                  fmt::format("{}: nibble knows no {} of a linear layer; is this another quantization format than "
                              "ModelOpt's NVFP4 and FP8?",
                              store.describe(entry), quoted_name(part)));
    }
  }
  if (found.weight == nullptr) {
    return fail(ErrorCode::kNotFound, fmt::format("{}: there is no tensor {}; is the download complete?",
                                                  store.location(), quoted_name(prefix + "weight")));
  }
  return found;
}

std::string describe(const TensorEntry* entry) {
  return entry == nullptr ? "nothing" : fmt::format("{} {}", dtype_name(entry->dtype), entry->shape.describe());
}

// Reads one linear layer; every error names shard, tensor, expected and found.
class LinearReader {
 public:
  LinearReader(const TensorStore& store, const LinearTensors& tensors, std::int64_t rows, std::int64_t cols)
      : store_(store), tensors_(tensors) {
    view_.rows = rows;
    view_.cols = cols;
  }

  Result<MatrixView> read() {
    switch (tensors_.weight->dtype) {
      case DType::kBF16: return read_plain(WeightFormat::kBf16);
      case DType::kF16: return read_plain(WeightFormat::kF16);
      case DType::kF32: return read_plain(WeightFormat::kF32);
      case DType::kF8E4M3: return read_fp8();
      case DType::kU8: return read_nvfp4();
      default: break;
    }
    return fail(ErrorCode::kUnsupported,
                fmt::format("{}: nibble computes with weights of BF16, F16, F32, F8_E4M3 or U8, found {}",
                            store_.describe(*tensors_.weight), describe(tensors_.weight)));
  }

 private:
  Result<MatrixView> read_plain(WeightFormat format) {
    RETURN_IF_ERROR(expect(tensors_.weight, "weight", tensors_.weight->dtype, {view_.rows, view_.cols}));
    RETURN_IF_ERROR(expect_absent(tensors_.weight_scale));
    RETURN_IF_ERROR(expect_absent(tensors_.weight_scale_2));
    RETURN_IF_ERROR(expect_absent(tensors_.input_scale));
    return finish(format);
  }

  Result<MatrixView> read_fp8() {
    RETURN_IF_ERROR(expect(tensors_.weight, "weight", DType::kF8E4M3, {view_.rows, view_.cols}));
    RETURN_IF_ERROR(expect_absent(tensors_.weight_scale_2));
    RETURN_IF_ERROR(expect_present(tensors_.weight_scale, "weight_scale"));
    ASSIGN_OR_RETURN(view_.global_scale, read_scale(store_, *tensors_.weight_scale));
    return finish(WeightFormat::kFp8);
  }

  Result<MatrixView> read_nvfp4() {
    if (view_.cols % kNvfp4Block != 0) {
      return invalid_input(fmt::format("{}: NVFP4 needs a multiple of {} columns, found {}",
                                       store_.describe(*tensors_.weight), kNvfp4Block, view_.cols));
    }
    const TensorEntry* scales = tensors_.weight_scale;
    RETURN_IF_ERROR(expect(tensors_.weight, "weight", DType::kU8, {view_.rows, view_.cols / 2}));
    RETURN_IF_ERROR(expect(scales, "weight_scale", DType::kF8E4M3, {view_.rows, view_.cols / kNvfp4Block}));
    RETURN_IF_ERROR(expect_present(tensors_.weight_scale_2, "weight_scale_2"));
    ASSIGN_OR_RETURN(view_.global_scale, read_scale(store_, *tensors_.weight_scale_2));
    std::span<const std::byte> bytes = store_.bytes(*scales);
    if (auto bad = find_bad_block_scale(bytes)) {
      std::int64_t blocks = view_.cols / kNvfp4Block;
      auto at = static_cast<std::int64_t>(*bad);
      return invalid_input(
          fmt::format("{}: the block scale at [{}, {}] is 0x{:02X}, which is {}; expected 0x00 to 0x7E; the file is "
                      "damaged or its quantization failed",
                      store_.describe(*scales), at / blocks, at % blocks, std::to_integer<unsigned>(bytes[*bad]),
                      (bytes[*bad] & std::byte{0x7F}) == std::byte{0x7F} ? "NaN" : "negative"));
    }
    view_.block_scales = bytes.data();
    return finish(WeightFormat::kNvfp4);
  }

  Result<MatrixView> finish(WeightFormat format) {
    if (tensors_.input_scale != nullptr) {
      ASSIGN_OR_RETURN(view_.input_scale, read_scale(store_, *tensors_.input_scale));
    }
    view_.format = format;
    view_.data = store_.bytes(*tensors_.weight).data();
    return view_;
  }

  Status expect(const TensorEntry* entry, std::string_view part, DType dtype, const Shape& shape) {
    RETURN_IF_ERROR(expect_present(entry, part));
    if (entry->dtype == dtype && entry->shape == shape) return {};
    return invalid_input(fmt::format("{}: expected {} {}, found {}; do the weights belong to this config.json?",
                                     store_.describe(*entry), dtype_name(dtype), shape.describe(), describe(entry)));
  }

  Status expect_present(const TensorEntry* entry, std::string_view part) {
    if (entry != nullptr) return {};
    return invalid_input(
        fmt::format("{}: a weight of {} needs a '{}' beside it, found nothing; is the download "
                    "complete?",
                    store_.describe(*tensors_.weight), describe(tensors_.weight), part));
  }

  Status expect_absent(const TensorEntry* entry) {
    if (entry == nullptr) return {};
    return invalid_input(
        fmt::format("{}: a weight of {} cannot have this scale beside it, found {}; the folder mixes "
                    "two checkpoints",
                    store_.describe(*entry), describe(tensors_.weight), describe(entry)));
  }

  const TensorStore& store_;
  const LinearTensors& tensors_;
  MatrixView view_;
};

bool agrees(WeightFormat found, QuantAlgo declared) {
  switch (declared) {
    case QuantAlgo::kFp8: return found == WeightFormat::kFp8;
    case QuantAlgo::kNvfp4:
    case QuantAlgo::kW4a16Nvfp4: return found == WeightFormat::kNvfp4;
    case QuantAlgo::kNone: return found != WeightFormat::kFp8 && found != WeightFormat::kNvfp4;
  }
  return false;
}

}  // namespace

Status Checkpoint::check_declaration(std::string_view module, WeightFormat found) const {
  QuantAlgo declared = quantization_.algo_of(module);
  if (agrees(found, declared)) return {};
  // A uniform algorithm means linear layers only; that this module is not one of them is for its tensors to say.
  const bool plain = agrees(found, QuantAlgo::kNone);
  if (plain && !quantization_.lists(module)) return {};
  return invalid_input(fmt::format(
      "{}: module {}: the tensors are {}, but {} it {}; restore the configuration files that belong to the weights",
      tensors_.location(), quoted_name(module), numerics::weight_format_name(found),
      quantization_.quantized() ? "hf_quant_config.json or config.json declares"
                                : "neither config.json nor hf_quant_config.json declares a quantization, which leaves",
      declared == QuantAlgo::kNone ? "unquantized" : quant_algo_name(declared)));
}

Result<MatrixView> Checkpoint::linear(std::string_view module, std::int64_t rows, std::int64_t cols) const {
  ASSIGN_OR_RETURN(LinearTensors tensors, collect(tensors_, module));
  ASSIGN_OR_RETURN(MatrixView view, LinearReader(tensors_, tensors, rows, cols).read());
  RETURN_IF_ERROR(check_declaration(module, view.format));
  return view;
}

}  // namespace nibble::checkpoint
