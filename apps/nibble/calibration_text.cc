#include "calibration_text.h"

#include <fmt/format.h>

namespace nibble::apps {

Result<std::filesystem::path> default_calibration_text() {
  std::error_code error;
  std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  std::filesystem::path installed = program.parent_path().parent_path() / "share/nibble/calibration.txt";
  std::filesystem::path source = NIBBLE_SOURCE_CALIBRATION;
  for (const auto& path : {installed, source}) {
    if (std::filesystem::is_regular_file(path, error)) return path;
  }
  return fail(ErrorCode::kNotFound,
              fmt::format("this recipe needs a calibration text, and the default one is neither at '{}' nor at '{}'; "
                          "name a text file with --calibration",
                          installed.string(), source.string()));
}

}  // namespace nibble::apps
