// Module names of configuration files, matched as the tools that read them do.
#pragma once

#include <string>
#include <string_view>

namespace nibble::checkpoint {

// `*` stands for any text, also none; everything else for itself.
bool wildcard_match(std::string_view pattern, std::string_view text);

// The name without the wrappers that exports add or drop: "model.language_model.layers.0.mlp",
// "language_model.model.layers.0.mlp" and "model.layers.0.mlp" are all "layers.0.mlp".
std::string_view without_wrapper(std::string_view module);

// A pattern covers a module if it matches its name or that of a module it lies in, with or without wrappers.
bool pattern_covers(std::string_view pattern, std::string_view module);

}  // namespace nibble::checkpoint
