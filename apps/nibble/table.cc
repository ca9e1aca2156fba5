#include "table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace nibble::apps {
namespace {

// Characters of UTF-8 text: bytes that do not continue one.
std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

}  // namespace

void Table::add_row(std::vector<std::string> cells) {
  NIBBLE_CHECK(cells.size() == columns_.size());
  rows_.push_back(std::move(cells));
}

std::string Table::text() const {
  std::vector<std::vector<std::string>> lines;
  std::vector<std::string>& headers = lines.emplace_back();
  for (const Column& column : columns_) headers.push_back(column.header);
  lines.insert(lines.end(), rows_.begin(), rows_.end());

  std::vector<std::size_t> widths(columns_.size(), 0);
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], width(line[i]));
  }
  std::string text;
  for (const auto& line : lines) {
    std::string row;
    for (std::size_t i = 0; i < line.size(); ++i) {
      std::size_t padding = widths[i] - width(line[i]);
      if (i > 0) row += "  ";
      if (columns_[i].align == Align::kRight) row.append(padding, ' ');
      row += line[i];
      if (columns_[i].align == Align::kLeft) row.append(padding, ' ');
    }
    row.erase(row.find_last_not_of(' ') + 1);
    text += row + '\n';
  }
  return text;
}

std::string format_estimate(const evaluate::Estimate& estimate) {
  if (!(estimate.standard_error > 0)) return fmt::format("{:.4f} ± 0", estimate.value);
  int decimals = std::clamp(1 - static_cast<int>(std::floor(std::log10(estimate.standard_error))), 0, 9);
  return fmt::format("{:.{}f} ± {:.{}f}", estimate.value, decimals, estimate.standard_error, decimals);
}

}  // namespace nibble::apps
