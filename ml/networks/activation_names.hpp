// SPDX-License-Identifier: Apache-2.0
// Activations by the names that files use.
//   path  cold
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "core/base/error.hpp"
#include "ml/networks/network_kernel.hpp"

namespace thintail {

// An empty name is linear.
inline Result<Activation> activation_from_name(std::string_view name, std::string field, std::string_view doing,
                                               const std::string& file) {
  if (name.empty() || name == "linear") return Activation::linear;
  if (name == "tanh") return Activation::tanh;
  if (name == "relu") return Activation::relu;
  if (name == "elu") return Activation::elu;
  if (name == "sigmoid") return Activation::sigmoid;
  if (name == "softmax") return Activation::softmax;
  return fail({.code = ErrorCode::model_unsupported,
               .doing = std::string(doing),
               .file = file,
               .field = std::move(field),
               .expected = "linear, tanh, relu, elu, sigmoid or softmax",
               .found = fmt::format("\"{}\"", printable(name, 40))});
}

}  // namespace thintail
