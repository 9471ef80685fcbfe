// SPDX-License-Identifier: Apache-2.0
// The golden section of a pack: inputs, and what the model makes of them, to the bit.
#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "core/numeric/split_mix.hpp"
#include "ml/pack/pack_sections.hpp"

namespace thintail::pack {

namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr std::uint64_t kSeed = 0x7474'6d01;  // any: the rows must only be the same for the same trees

struct Counts {
  std::uint32_t rows = 0;
  std::uint32_t features = 0;
  std::uint32_t outputs = 0;
  std::uint32_t reserved = 0;
};
static_assert(sizeof(Counts) == 16);

// Outputs are doubles: they begin at a multiple of 8.
constexpr std::uint64_t outputs_at(const Counts& counts) noexcept {
  const std::uint64_t inputs_end = sizeof(Counts) + std::uint64_t{counts.rows} * counts.features * sizeof(float);
  return (inputs_end + 7) / 8 * 8;
}

float value_near(const std::vector<float>& cuts, numeric::SplitMix& random) {
  const auto cut = [&] { return cuts.empty() ? 0.0F : cuts[random.below(cuts.size())]; };
  switch (random.below(10)) {
    case 0: return kNaN;
    case 1: return random.below(2) == 0 ? 0.0F : -0.0F;
    case 2: return random.below(2) == 0 ? kInfinity : -kInfinity;
    case 3: return std::nextafter(cut(), -kInfinity);
    case 4: return std::nextafter(cut(), kInfinity);
    case 5:
    case 6: return cut();
    default: {
      const float one = cut();
      const float between = one + (cut() - one) * static_cast<float>(random.uniform());
      return std::isnan(between) ? one : between;
    }
  }
}

}  // namespace

std::string encode_golden(const DecisionTrees& trees, const TreeEnsemble& evaluated) {
  const Counts counts{
      .rows = kGoldenRowsMin, .features = evaluated.feature_count(), .outputs = evaluated.output_count()};
  std::vector<std::vector<float>> cuts(counts.features);
  for (const DecisionTrees::Node& node : trees.nodes) {
    if (!node.is_leaf()) cuts[node.feature].push_back(static_cast<float>(node.value));
  }
  numeric::SplitMix random(kSeed);
  std::string inputs;
  std::string outputs;
  std::vector<float> row(counts.features);
  std::vector<double> margins(counts.outputs);
  for (std::uint32_t index = 0; index < counts.rows; ++index) {
    for (std::uint32_t feature = 0; feature < counts.features; ++feature) {
      // The first row is all zeros, the second all missing.
      row[feature] = index == 0 ? 0.0F : index == 1 ? kNaN : value_near(cuts[feature], random);
      append(inputs, row[feature]);
    }
    evaluated.margins(row.data(), margins.data());
    for (const double margin : margins) append(outputs, margin);
  }
  std::string out;
  append(out, counts);
  out += inputs;
  out.resize(outputs_at(counts));
  return out + outputs;
}

Result<std::uint32_t> check_golden(const Section& section, std::string_view file, const TreeEnsemble& evaluated) {
  const auto no = [&](std::string_view item, std::uint64_t offset, std::string expected, std::string found,
                      ErrorCode code = ErrorCode::model_syntax) {
    return refuse(file, "golden", item, offset, std::move(expected), std::move(found), code);
  };
  if (section.bytes.size() < sizeof(Counts)) {
    return no("counts", section.offset, fmt::format("{} bytes of them", sizeof(Counts)),
              std::to_string(section.bytes.size()));
  }
  const Counts counts = ArrayView<Counts>(section, 0, 1)[0];
  if (counts.rows < kGoldenRowsMin || counts.rows > kGoldenRowsMax || counts.features != evaluated.feature_count() ||
      counts.outputs != evaluated.output_count() || counts.reserved != 0) {
    return no("counts", section.offset,
              fmt::format("{} to {} rows of {} features and {} outputs, and 0", kGoldenRowsMin, kGoldenRowsMax,
                          evaluated.feature_count(), evaluated.output_count()),
              fmt::format("{}, {}, {}, {}", counts.rows, counts.features, counts.outputs, counts.reserved));
  }
  const std::uint64_t steps = std::uint64_t{counts.rows} * evaluated.tree_count() * (evaluated.depth_max() + 1ULL);
  if (steps > kGoldenStepsMax) {
    return no("counts", section.offset, fmt::format("rows x trees x levels up to {}", kGoldenStepsMax),
              std::to_string(steps), ErrorCode::model_unsupported);
  }
  const std::uint64_t outputs_begin = outputs_at(counts);
  const std::size_t inputs_count = std::size_t{counts.rows} * counts.features;
  const std::size_t outputs_count = std::size_t{counts.rows} * counts.outputs;
  if (section.bytes.size() != outputs_begin + outputs_count * sizeof(double)) {
    return no("counts", section.offset, fmt::format("rows of {} bytes in all", section.bytes.size()),
              std::to_string(outputs_begin + outputs_count * sizeof(double)));
  }
  for (std::uint64_t at = sizeof(Counts) + inputs_count * sizeof(float); at < outputs_begin; ++at) {
    if (section.bytes[at] != '\0') return no("padding", section.offset + at, "0", "another byte");
  }
  const ArrayView<float> inputs(section, sizeof(Counts), inputs_count);
  const ArrayView<double> outputs(section, outputs_begin, outputs_count);
  std::vector<float> row(counts.features);
  std::vector<double> margins(counts.outputs);
  for (std::size_t index = 0; index < counts.rows; ++index) {
    for (std::size_t feature = 0; feature < row.size(); ++feature) row[feature] = inputs[index * row.size() + feature];
    evaluated.margins(row.data(), margins.data());
    for (std::size_t output = 0; output < margins.size(); ++output) {
      const std::size_t at = index * margins.size() + output;
      if (std::bit_cast<std::uint64_t>(margins[output]) == std::bit_cast<std::uint64_t>(outputs[at])) continue;
      return no(fmt::format("outputs[{}][{}]", index, output), outputs.offset_of(at), fmt::format("{}", outputs[at]),
                fmt::format("{} computed here", margins[output]), ErrorCode::check_mismatch);
    }
  }
  return counts.rows;
}

}  // namespace thintail::pack
