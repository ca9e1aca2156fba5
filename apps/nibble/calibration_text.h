// The text that calibration reads where the user names none.
#pragma once

#include <filesystem>

#include "base/error.h"

namespace nibble::apps {

// <prefix>/share/nibble/calibration.txt beside the installed program, else the file of the source tree it was built
// from.
Result<std::filesystem::path> default_calibration_text();

}  // namespace nibble::apps
