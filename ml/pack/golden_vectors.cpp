// SPDX-License-Identifier: Apache-2.0
// The golden section of a pack: inputs, and what the model makes of them, to the bit.
#include <fmt/format.h>

#include <algorithm>
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

// Of a network: about what scaled features are, with values far out and missing ones.
float value_of_input(numeric::SplitMix& random) {
  switch (random.below(20)) {
    case 0: return kNaN;
    case 1: return 0.0F;
    case 2: return 1'000.0F;
    case 3: return -1'000.0F;
    default: return static_cast<float>(random.uniform() * 6.0 - 3.0);
  }
}

// A network with a state of its own: rows one after the other, from a fresh one.
class Stepper {
 public:
  explicit Stepper(const Network& network)
      : network_(network), state_(network.make_state()), scratch_(network.make_scratch()), out_(network.outputs()) {
    network_.reset(floats(state_), floats(scratch_));
  }

  void operator()(const float* row, double* out) {
    network_.step(row, floats(state_), floats(scratch_), out_.data());
    std::ranges::copy(out_, out);
  }

 private:
  static float* floats(NetworkBlock& block) noexcept { return block.empty() ? nullptr : block.data()->lanes; }

  const Network& network_;
  NetworkBlock state_;
  NetworkBlock scratch_;
  std::vector<float> out_;
};

// Inputs by `value(row, feature)`, outputs by `evaluate(row, out)`.
template <class Value, class Evaluate>
std::string encode_rows(const Counts& counts, const Value& value, Evaluate&& evaluate) {
  std::string inputs;
  std::string outputs;
  std::vector<float> row(counts.features);
  std::vector<double> answers(counts.outputs);
  for (std::uint32_t index = 0; index < counts.rows; ++index) {
    for (std::uint32_t feature = 0; feature < counts.features; ++feature) {
      // The first row is all zeros, the second all missing.
      row[feature] = index == 0 ? 0.0F : index == 1 ? kNaN : value(feature);
      append(inputs, row[feature]);
    }
    evaluate(row.data(), answers.data());
    for (const double answer : answers) append(outputs, answer);
  }
  std::string out;
  append(out, counts);
  out += inputs;
  out.resize(outputs_at(counts));
  return out + outputs;
}

// `steps`: what one row costs.
template <class Evaluate>
Result<std::uint32_t> check_rows(const Section& section, std::string_view file, std::uint32_t features,
                                 std::uint32_t outputs_wanted, std::uint64_t steps, Evaluate&& evaluate) {
  const auto no = [&](std::string_view item, std::uint64_t offset, std::string expected, std::string found,
                      ErrorCode code = ErrorCode::pack_damaged) {
    return refuse(file, section.name, item, offset, std::move(expected), std::move(found), code);
  };
  if (section.bytes.size() < sizeof(Counts)) {
    return no("counts", section.offset, fmt::format("{} bytes of them", sizeof(Counts)),
              std::to_string(section.bytes.size()));
  }
  const Counts counts = ArrayView<Counts>(section, 0, 1)[0];
  if (counts.rows < kGoldenRowsMin || counts.rows > kGoldenRowsMax || counts.features != features ||
      counts.outputs != outputs_wanted || counts.reserved != 0) {
    return no("counts", section.offset,
              fmt::format("{} to {} rows of {} features and {} outputs, and 0", kGoldenRowsMin, kGoldenRowsMax,
                          features, outputs_wanted),
              fmt::format("{}, {}, {}, {}", counts.rows, counts.features, counts.outputs, counts.reserved));
  }
  if (steps > kGoldenStepsMax / counts.rows) {
    return no("counts", section.offset, fmt::format("rows x steps of each up to {}", kGoldenStepsMax),
              fmt::format("{} x {}", counts.rows, steps), ErrorCode::model_unsupported);
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
  std::vector<double> answers(counts.outputs);
  for (std::size_t index = 0; index < counts.rows; ++index) {
    for (std::size_t feature = 0; feature < row.size(); ++feature) row[feature] = inputs[index * row.size() + feature];
    evaluate(row.data(), answers.data());
    for (std::size_t output = 0; output < answers.size(); ++output) {
      const std::size_t at = index * answers.size() + output;
      if (std::bit_cast<std::uint64_t>(answers[output]) == std::bit_cast<std::uint64_t>(outputs[at])) continue;
      return no(fmt::format("outputs[{}][{}]", index, output), outputs.offset_of(at), fmt::format("{}", outputs[at]),
                fmt::format("{} computed here", answers[output]), ErrorCode::pack_golden_mismatch);
    }
  }
  return counts.rows;
}

}  // namespace

std::string encode_golden(const DecisionTrees& trees, const TreeEnsemble& evaluated) {
  const Counts counts{
      .rows = kGoldenRowsMin, .features = evaluated.feature_count(), .outputs = evaluated.output_count()};
  std::vector<std::vector<float>> cuts(counts.features);
  for (const DecisionTrees::Node& node : trees.nodes) {
    if (node.is_leaf()) continue;
    if (node.feature < counts.features) cuts[node.feature].push_back(static_cast<float>(node.value));
  }
  // Of a category set the values around its first categories, in it and out of it.
  for (const CategorySet& set : trees.category_sets) {
    for (const float category : {0.0F, 1.0F, 2.0F, 3.0F, 31.0F, 32.0F, static_cast<float>(set.words.size() * 32)}) {
      cuts[set.feature].push_back(category);
    }
  }
  numeric::SplitMix random(kSeed);
  return encode_rows(
      counts, [&](std::uint32_t feature) { return value_near(cuts[feature], random); },
      [&](const float* row, double* out) { evaluated.margins(row, out); });
}

std::string encode_golden(const Network& evaluated) {
  const Counts counts{.rows = kGoldenRowsMin, .features = evaluated.inputs(), .outputs = evaluated.outputs()};
  numeric::SplitMix random(kSeed);
  return encode_rows(counts, [&](std::uint32_t) { return value_of_input(random); }, Stepper(evaluated));
}

Result<std::uint32_t> check_golden(const Section& section, std::string_view file, const TreeEnsemble& evaluated) {
  const std::uint64_t steps = std::uint64_t{evaluated.tree_count()} * (evaluated.depth_max() + 1ULL);
  return check_rows(section, file, evaluated.feature_count(), evaluated.output_count(), steps,
                    [&](const float* row, double* out) { evaluated.margins(row, out); });
}

Result<std::uint32_t> check_golden(const Section& section, std::string_view file, const Network& evaluated,
                                   std::uint64_t steps) {
  return check_rows(section, file, evaluated.inputs(), evaluated.outputs(), steps, Stepper(evaluated));
}

}  // namespace thintail::pack
