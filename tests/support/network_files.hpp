// SPDX-License-Identifier: Apache-2.0
// Network files of ../shared/data/models/rnn, and safetensors made of tensors.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "ml/networks/keras_json.hpp"
#include "ml/networks/named_tensor.hpp"
#include "tests/support/data.hpp"

namespace thintail::test {

inline std::string whole_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

inline std::vector<float> column_of(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::vector<float> out;
  for (double value = 0; in >> value;) out.push_back(static_cast<float>(value));
  return out;
}

inline std::filesystem::path rnn_dir() { return data_dir() / "models" / "rnn"; }

inline NetworkSpec rnn_spec(const std::string& name) {
  const auto path = rnn_dir() / (name + ".json");
  auto spec = read_network_json(whole_file(path), path.string());
  EXPECT_TRUE(spec.has_value()) << (spec ? "" : spec.error().message());
  return spec ? std::move(*spec) : NetworkSpec{};
}

inline std::string with_length(const std::string& header, const std::string& data) {
  const std::uint64_t length = header.size();
  std::string out(sizeof length, '\0');
  std::memcpy(out.data(), &length, sizeof length);
  return out + header + data;
}

inline std::string safetensors_of(const std::vector<NamedTensor>& tensors) {
  std::string header = R"({"__metadata__":{"kind":"test"})";
  std::string data;
  for (const NamedTensor& tensor : tensors) {
    const std::size_t begin = data.size();
    data.append(reinterpret_cast<const char*>(tensor.values.data()), tensor.values.size() * sizeof(float));
    header += fmt::format(R"(,"{}":{{"dtype":"F32","shape":[{}],"data_offsets":[{},{}]}})", tensor.name,
                          fmt::join(tensor.shape, ","), begin, data.size());
  }
  return with_length(header + "}", data);
}

}  // namespace thintail::test
