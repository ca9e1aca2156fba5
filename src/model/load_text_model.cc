#include <fmt/format.h>

#include "model/qwen36/qwen36_model.h"
#include "model/text_model.h"

namespace nibble::model {

Result<std::unique_ptr<TextModel>> load_text_model(const checkpoint::Checkpoint& checkpoint, ThreadPool& pool,
                                                   const LoadOptions& options) {
  const std::string& architecture = checkpoint.config().architecture;
  if (architecture == qwen36::kArchitecture || architecture == qwen36::kTextArchitecture) {
    const std::int64_t layers = checkpoint.config().text.layers;
    if (options.layers < 0 || options.layers > layers) {
      return invalid_input(fmt::format("{} layers were asked for; the model has {}", options.layers, layers));
    }
    return qwen36::load(checkpoint, pool, options);
  }
  return fail(ErrorCode::kUnsupported,
              fmt::format("config.json: architecture '{}' is none that nibble runs (it runs {} "
                          "and {})",
                          architecture, qwen36::kArchitecture, qwen36::kTextArchitecture));
}

}  // namespace nibble::model
