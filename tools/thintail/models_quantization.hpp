// SPDX-License-Identifier: Apache-2.0
// `thintail models quantize`, and `thintail models verify --quantization`: int8 and int16 forms of networks, made and judged on rows of
// real ticks.
#pragma once

#include <string>
#include <vector>

#include "tools/thintail/commands.hpp"
#include "tools/thintail/run_options.hpp"

namespace thintail {

// What both commands take.
struct QuantizationOptions {
  RunOptions run;
  std::vector<std::string> ticks;
  std::string features = "scalper-64";  // of networks that are trained for the occasion, as the next
  double horizon_s = 10;
  double calibration_share = 0.6;
  std::uint64_t calibration_rows_max = 1'000'000;
  std::uint64_t rows_max = 100'000;
  std::vector<double> thresholds;
  std::uint64_t seed = 1;
  double error_max = 0.008;
  bool json = false;

  void add_to(CLI::App& command);
  void add_verify_options_to(CLI::App& command);  // the same, and those of networks that are trained for the occasion
};

// Adds `quantize` to the command `models`.
void add_models_quantize(CLI::App& models, Action& chosen);

// Judges each quantized network of a pack of kind events against its float32 form. Without a pack: networks that are trained for
// the occasion on the earlier ticks, to judge quantization itself.
Result<ExitCode> verify_quantization(const std::string& pack, const QuantizationOptions& options);

}  // namespace thintail
