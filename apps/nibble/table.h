// Numbers and tables for people.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "evaluate/statistics.h"

namespace nibble::apps {

enum class Align { kLeft, kRight };

// Columns as wide as their widest cell, two spaces apart.
class Table {
 public:
  struct Column {
    std::string header;
    Align align;
  };
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  void add_row(std::vector<std::string> cells);
  std::string text() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// "13.83 ± 0.12": as many decimals as two digits of the error need.
std::string format_estimate(const evaluate::Estimate& estimate);

}  // namespace nibble::apps
