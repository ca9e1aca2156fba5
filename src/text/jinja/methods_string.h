// Methods of str that search and split, for the table of methods_string.cc.
#pragma once

#include "base/error.h"
#include "text/jinja/sandbox.h"
#include "text/jinja/value.h"

namespace nibble::text::jinja {

Result<Value> count_text(Sandbox& sandbox, const Value& self, const Arguments& arguments);
Result<Value> find_text(Sandbox& sandbox, const Value& self, const Arguments& arguments);
Result<Value> rfind_text(Sandbox& sandbox, const Value& self, const Arguments& arguments);
Result<Value> index_text(Sandbox& sandbox, const Value& self, const Arguments& arguments);
Result<Value> rindex_text(Sandbox& sandbox, const Value& self, const Arguments& arguments);
Result<Value> text_starts_with(Sandbox& sandbox, const Value& self, const Arguments& arguments);
Result<Value> text_ends_with(Sandbox& sandbox, const Value& self, const Arguments& arguments);
Result<Value> split_text(Sandbox& sandbox, const Value& self, const Arguments& arguments);
Result<Value> rsplit_text(Sandbox& sandbox, const Value& self, const Arguments& arguments);
Result<Value> splitlines_text(Sandbox& sandbox, const Value& self, const Arguments& arguments);
Result<Value> partition_text(Sandbox& sandbox, const Value& self, const Arguments& arguments);
Result<Value> rpartition_text(Sandbox& sandbox, const Value& self, const Arguments& arguments);

}  // namespace nibble::text::jinja
