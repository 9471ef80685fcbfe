// SPDX-License-Identifier: Apache-2.0
// The readers of networks: the files that other libraries wrote, with those libraries' answers, and hostile files.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "ml/networks/keras_json.hpp"
#include "ml/networks/safetensors.hpp"
#include "tests/support/network_files.hpp"
#include "tests/support/networks.hpp"

namespace thintail {
namespace {

using test::NetworkRun;
using test::RandomNetworks;

// Within 1e-7 of the network in double, and of the library: or nearer to double than the library is, where that is further
// than that from it by itself (docs/decisions/0005-network-numbers.md).
void expect_answers(const std::string& name, std::size_t rows, std::size_t nearer_max = 0) {
  TT_REQUIRE_DATA(test::rnn_dir());
  const NetworkSpec spec = test::rnn_spec(name);
  const auto x = test::column_of(test::rnn_dir() / (name + "_x_python.csv"));
  const auto y = test::column_of(test::rnn_dir() / (name + "_y_python.csv"));
  ASSERT_EQ(x.size(), rows);
  ASSERT_EQ(y.size(), rows);
  const auto exact = test::ReferenceNetwork(spec).all(x);
  for (const Isa isa : test::available_isas()) {
    const auto network = Network::make(spec, isa, name);
    ASSERT_TRUE(network.has_value()) << network.error().message();
    const auto found = NetworkRun(*network).all(x);
    double worst = 0;
    double worst_exact = 0;
    double worst_of_library = 0;
    std::size_t nearer = 0;
    for (std::size_t i = 0; i < rows; ++i) {
      const double apart = std::fabs(double{found[i]} - double{y[i]});
      const double from_exact = std::fabs(double{found[i]} - exact[i]);
      const double of_library = std::fabs(double{y[i]} - exact[i]);
      worst = std::max(worst, apart);
      worst_exact = std::max(worst_exact, from_exact);
      worst_of_library = std::max(worst_of_library, of_library);
      if (apart <= 1e-7) continue;
      ++nearer;
      EXPECT_LT(from_exact, 0.5 * of_library) << isa_name(isa) << " row " << i << ": " << apart << " apart";
    }
    EXPECT_LE(nearer, nearer_max) << isa_name(isa);
    EXPECT_LE(worst_exact, 1e-7) << isa_name(isa);
    if (isa == Isa::scalar) {
      fmt::print("{}: largest error {:.2e}; from double ours {:.2e}, the library's {:.2e}\n", name, worst, worst_exact,
                 worst_of_library);
    }
  }
}

TEST(NetworkReader, keras_lstm_answers_as_keras) { expect_answers("lstm", 100); }
// Row 58: Keras is 8.3e-8 off, we are 3.7e-8 off on the other side.
TEST(NetworkReader, keras_gru_with_two_bias_rows_answers_as_keras) { expect_answers("gru_1d", 100, 1); }
TEST(NetworkReader, keras_dense_layers_with_every_activation_answer_as_keras) { expect_answers("dense", 100); }
TEST(NetworkReader, a_bare_pytorch_state_dict_answers_as_pytorch) { expect_answers("lstm_torch", 1000); }

TEST(NetworkReader, swapped_gates_would_be_noticed) {
  TT_REQUIRE_DATA(test::rnn_dir());
  NetworkSpec spec = test::rnn_spec("lstm");
  auto& weight = spec.layers[1].weight;
  const auto quarter = static_cast<std::ptrdiff_t>(weight.size() / 4);
  std::swap_ranges(weight.begin(), weight.begin() + quarter, weight.begin() + quarter);
  const auto network = Network::make(spec, Isa::scalar);
  ASSERT_TRUE(network.has_value());
  const auto found = NetworkRun(*network).all(test::column_of(test::rnn_dir() / "lstm_x_python.csv"));
  const auto y = test::column_of(test::rnn_dir() / "lstm_y_python.csv");
  double worst = 0;
  for (std::size_t i = 0; i < y.size(); ++i) worst = std::max(worst, std::fabs(double{found[i]} - double{y[i]}));
  EXPECT_GT(worst, 1e-4);
}

// --- hostile JSON ---

const std::string kSmallKeras = R"({"in_shape":[null,2],"layers":[
 {"type":"dense","activation":"tanh","shape":[null,3],"weights":[[[1,2,3],[4,5,6]],[0.5,1e-2,-7]]},
 {"type":"gru","activation":"tanh","shape":[null,1],"weights":[[[1,2,3],[4,5,6],[7,8,9]],[[1,2,3]],[[1,2,3],[4,5,6]]]}]})";
const std::string kSmallTorch = R"({"a.weight":[[1,2],[3,4]],"a.bias":[0,1],"r.weight_ih_l0":[[1,2],[1,2],[1,2]],
 "r.weight_hh_l0":[[1],[2],[3]],"r.bias_ih_l0":[1,2,3],"r.bias_hh_l0":[1,2,3]})";

void expect_refused(const std::string& text, std::string_view field) {
  const auto spec = read_network_json(text, "bad.json");
  ASSERT_FALSE(spec.has_value()) << text;
  EXPECT_EQ(spec.error().file, "bad.json");
  EXPECT_TRUE(spec.error().field.contains(field)) << spec.error().message();
  EXPECT_FALSE(spec.error().expected.empty()) << spec.error().message();
  EXPECT_FALSE(spec.error().found.empty()) << spec.error().message();
}

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  const std::size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), with);
}

TEST(NetworkReader, the_small_files_are_read) {
  const auto keras = read_network_json(kSmallKeras, "keras.json");
  ASSERT_TRUE(keras.has_value()) << keras.error().message();
  EXPECT_EQ(keras->layers[0].weight, (std::vector<float>{1, 4, 2, 5, 3, 6}));
  EXPECT_EQ(keras->layers[1].bias, (std::vector<float>{2, 1, 3}));  // z, r, h became r, z, n
  const auto torch = read_network_json(kSmallTorch, "torch.json");
  ASSERT_TRUE(torch.has_value()) << torch.error().message();
  EXPECT_EQ(torch->layers[1].kind, LayerKind::gru);
}

TEST(NetworkReader, a_file_cut_at_any_byte_is_refused) {
  for (const std::string& text : {kSmallKeras, kSmallTorch}) {
    for (std::size_t length = 0; length < text.size(); ++length) expect_refused(text.substr(0, length), "");
  }
}

TEST(NetworkReader, wrong_json_is_refused_by_field) {
  expect_refused(replaced(kSmallKeras, "[[1,2,3],[4,5,6]]", "[[1,2],[4,5,6]]"), "layers[0].weights[0]");
  expect_refused(replaced(kSmallKeras, "[[1,2,3],[4,5,6]]", "[[1,2,3],[4,5,6],[7,8,9]]"), "layers[0].weights[0]");
  expect_refused(replaced(kSmallKeras, "0.5,1e-2,-7", "0.5,1e-2"), "layers[0].weights[1]");
  expect_refused(replaced(kSmallKeras, "0.5,", "NaN,"), "layers[0].weights[1]");
  expect_refused(replaced(kSmallKeras, "0.5,", "1e99,"), "layers[0].weights[1]");
  expect_refused(replaced(kSmallKeras, "0.5,", "\"0.5\","), "layers[0].weights[1]");
  expect_refused(replaced(kSmallKeras, "0.5,", "[0.5],"), "layers[0].weights[1]");
  expect_refused(replaced(kSmallKeras, "[null,3]", "[null,4]"), "layers[0].weights[0]");
  expect_refused(replaced(kSmallKeras, "[null,3]", "[null,4294967296]"), "layers[0].shape");
  expect_refused(replaced(kSmallKeras, "[null,3]", "[null,null]"), "layers[0].shape");
  expect_refused(replaced(kSmallKeras, "[null,2]", "[null,-2]"), "in_shape");
  expect_refused(replaced(kSmallKeras, "\"tanh\"", "\"swish\""), "layers[0].activation");
  expect_refused(replaced(kSmallKeras, "\"gru\"", "\"transformer\""), "layers[1].type");
  expect_refused(replaced(kSmallKeras, "[[1,2,3],[4,5,6]]]}", "[1,2,3]]}"), "layers[1].weights[2]");  // reset before
  expect_refused(replaced(kSmallKeras, "\"in_shape\"", "\"extra\":[1],\"in_shape\""), "extra");
  expect_refused(kSmallKeras + "x", "");
  expect_refused("[]", "");
  expect_refused(std::string(100'000, '['), "");
  expect_refused("{\"a.weight\":" + std::string(2'000, '[') + std::string(2'000, ']') + "}", "a.weight");
  expect_refused(replaced(kSmallTorch, "\"a.bias\"", "\"b.bias\""), "b.bias");
  expect_refused(replaced(kSmallTorch, "\"a.bias\"", "\"r.weight_ih_l0_reverse\""), "_reverse");
  expect_refused(replaced(kSmallTorch, "[[1],[2],[3]]", "[[1],[2]]"), "r.weight_hh_l0");
  expect_refused(replaced(kSmallTorch, "\"a.bias\":[0,1]", "\"a.bias\":[0,1,2]"), "a.bias");
  expect_refused(replaced(kSmallTorch, "\"a.bias\":[0,1]", "\"a.bias\":[[0,1],[0,1]]"), "a.bias");
}

// --- safetensors ---

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

void expect_bad_tensors(const std::string& text, std::string_view field) {
  const auto tensors = read_safetensors(bytes_of(text), "bad.safetensors");
  ASSERT_FALSE(tensors.has_value()) << field;
  EXPECT_EQ(tensors.error().file, "bad.safetensors");
  EXPECT_TRUE(tensors.error().field.contains(field)) << tensors.error().message();
  EXPECT_FALSE(tensors.error().expected.empty()) << tensors.error().message();
  EXPECT_FALSE(tensors.error().found.empty()) << tensors.error().message();
}

std::string two_floats(std::string_view entries) {
  return test::with_length(fmt::format("{{{}}}", entries), std::string(8, '\0'));
}

TEST(Safetensors, every_number_format_is_decoded) {
  const std::string header =
      R"({"h":{"dtype":"F16","shape":[4],"data_offsets":[0,8]},"b":{"dtype":"BF16","shape":[2],"data_offsets":[8,12]},)"
      R"("i":{"dtype":"I8","shape":[4],"data_offsets":[12,16]},"s":{"dtype":"F32","shape":[],"data_offsets":[16,20]}}  )";
  const std::string data("\x00\x3c\x01\x00\x00\xc0\xff\x7b\x80\x3f\x00\xc0\x01\x02\x03\x04\x00\x00\xc0\x3f", 20);
  const std::string file = test::with_length(header, data);
  const auto tensors = read_safetensors(bytes_of(file), "formats");
  ASSERT_TRUE(tensors.has_value()) << tensors.error().message();
  EXPECT_EQ((*tensors)[0].values, (std::vector<float>{1.0f, 0x1p-24f, -2.0f, 65504.0f}));
  EXPECT_EQ((*tensors)[1].values, (std::vector<float>{1.0f, -2.0f}));
  EXPECT_TRUE((*tensors)[2].values.empty());
  EXPECT_EQ((*tensors)[3].values, (std::vector<float>{1.5f}));
}

TEST(Safetensors, a_file_cut_at_any_byte_is_refused) {
  const std::string file = test::safetensors_of({{"a", {2, 1}, {1, 2}}, {"b", {3}, {3, 4, 5}}});
  ASSERT_TRUE(read_safetensors(bytes_of(file), "whole").has_value());
  for (std::size_t length = 0; length < file.size(); ++length) expect_bad_tensors(file.substr(0, length), "");
  expect_bad_tensors(file + "x", "bytes from");
}

TEST(Safetensors, wrong_headers_are_refused_by_field) {
  expect_bad_tensors(std::string(8, '\xff') + "{}", "header length");
  expect_bad_tensors(test::with_length("[]", ""), "header at byte 8");
  expect_bad_tensors(test::with_length("", ""), "header at byte 8");
  const auto entry = [](std::string_view shape, std::string_view offsets) {
    return fmt::format(R"("a":{{"dtype":"F32","shape":[{}],"data_offsets":[{}]}})", shape, offsets);
  };
  ASSERT_TRUE(read_safetensors(bytes_of(two_floats(entry("2", "0,8"))), "good").has_value());
  expect_bad_tensors(two_floats(entry("1", "0,8")), "a.data_offsets");
  expect_bad_tensors(two_floats(entry("1", "4,8")), "a.data_offsets");  // a hole before
  expect_bad_tensors(two_floats(entry("1", "0,4")), "bytes from");  // and after
  expect_bad_tensors(two_floats(entry("2", "8,0")), "a.data_offsets");
  expect_bad_tensors(two_floats(entry("2", "0")), "a.data_offsets");
  expect_bad_tensors(two_floats(entry("2", "0,8,8")), "a.data_offsets");
  expect_bad_tensors(two_floats(entry("2", "-8,0")), "a.data_offsets");
  expect_bad_tensors(two_floats(entry("2", "0,18446744073709551616")), "a.data_offsets");
  expect_bad_tensors(two_floats(entry("2", "18446744073709551608,18446744073709551615")), "a.data_offsets");
  expect_bad_tensors(two_floats(entry("4294967295,4294967295,4294967295", "0,8")), "a.shape");
  expect_bad_tensors(two_floats(entry("4294967296", "0,8")), "a.shape");
  expect_bad_tensors(two_floats(entry("1,1,1,1,1,1,1,1,2", "0,8")), "a.shape");
  expect_bad_tensors(two_floats(entry("2.5", "0,8")), "a.shape");
  expect_bad_tensors(two_floats(replaced(entry("2", "0,8"), "F32", "F8_E4M3")), "a.dtype");
  expect_bad_tensors(two_floats(entry("2", "0,8") + "," + entry("2", "0,8")), "a");
  expect_bad_tensors(two_floats(entry("2", "0,8") + "," + replaced(entry("1", "4,8"), "\"a\"", "\"b\"")),
                     "b.data_offsets");
  expect_bad_tensors(two_floats(replaced(entry("2", "0,8"), "\"shape\"", "\"form\"")), "a.form");
  expect_bad_tensors(two_floats(R"("a":{"dtype":"F32","shape":[2]})"), "a");
  expect_bad_tensors(two_floats(R"("a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]})"), "a.dtype");
  expect_bad_tensors(two_floats(R"("__metadata__":{"n":1},)" + entry("2", "0,8")), "__metadata__.n");
}

// Every layer as its tensors, with golden rows from the float64 reference.
struct TorchFile {
  NetworkSpec spec = test::every_layer(21);
  std::vector<NamedTensor> tensors = {};
  std::string layers = R"({"inputs":13,"layers":[)";

  TorchFile() {
    for (std::size_t i = 0; i < spec.layers.size(); ++i) {
      LayerSpec& layer = spec.layers[i];
      if (layer.kind != LayerKind::activation) layer.name = fmt::format("l{}", i);
      add(layer, i);
    }
    layers += "]}";
    auto x = RandomNetworks(5).numbers(30 * 13, 1.0f);
    const auto exact = test::ReferenceNetwork(spec).all(x);
    tensors.push_back({"golden.x", {30, 13}, std::move(x)});
    tensors.push_back({"golden.y", {30, 3}, {exact.begin(), exact.end()}});
  }

  void add(const LayerSpec& layer, std::size_t index) {
    const std::uint32_t rows = gates_of(layer.kind) * layer.outputs;
    const auto put = [&](std::string_view last, std::vector<std::uint32_t> shape, const std::vector<float>& values) {
      tensors.push_back({fmt::format("{}.{}", layer.name, last), std::move(shape), values});
    };
    std::string more;
    switch (layer.kind) {
      case LayerKind::lstm:
      case LayerKind::gru:
        put("weight_ih_l0", {rows, layer.inputs}, layer.weight);
        put("weight_hh_l0", {rows, layer.outputs}, layer.recurrent);
        put("bias_ih_l0", {rows}, layer.bias);
        put("bias_hh_l0", {rows}, layer.recurrent_bias);
        break;
      case LayerKind::attention:
        put("in_proj_weight", {3 * rows, rows}, layer.weight);
        put("in_proj_bias", {3 * rows}, layer.bias);
        put("out_proj.weight", {rows, rows}, layer.recurrent);
        put("out_proj.bias", {rows}, layer.recurrent_bias);
        more = fmt::format(R"(,"heads":{},"window":{})", layer.heads, layer.window);
        break;
      case LayerKind::activation: break;
      case LayerKind::dense:
      case LayerKind::layer_norm:
      case LayerKind::conv1d:
        std::vector<std::uint32_t> shape{rows};
        if (layer.kind != LayerKind::layer_norm) shape.push_back(layer.inputs);
        if (layer.kind == LayerKind::conv1d) {
          shape.push_back(layer.taps);
          more = fmt::format(R"(,"dilation":{})", layer.dilation);
        }
        put("weight", shape, layer.weight);
        put("bias", {rows}, layer.bias);
        break;
    }
    constexpr const char* kNames[] = {"linear", "tanh", "relu", "elu", "sigmoid", "softmax"};
    layers += fmt::format(R"({}{{"type":"{}","weights":"{}","activation":"{}","residual":{}{}}})",
                          index == 0 ? "" : ",", layer_kind_name(layer.kind), layer.name,
                          kNames[static_cast<unsigned>(layer.activation)], layer.residual, more);
  }

  Result<TorchNetworkFile> read() const {
    const std::string file = test::safetensors_of(tensors);
    return read_torch_network(bytes_of(file), "net.safetensors", layers, "net.json");
  }
};

TEST(Safetensors, a_network_of_every_layer_meets_its_golden_rows) {
  const TorchFile file;
  const auto read = file.read();
  ASSERT_TRUE(read.has_value()) << read.error().message();
  const auto network = Network::make(read->spec, best_isa());
  ASSERT_TRUE(network.has_value());
  const auto checked = check_golden(*read, *network, 1e-5f, "net.safetensors");
  EXPECT_TRUE(checked.has_value()) << checked.error().message();
}

TEST(Safetensors, a_wrong_golden_row_is_named) {
  TorchFile file;
  file.tensors.back().values[3 * 7 + 2] += 0.01f;
  const auto read = file.read();
  ASSERT_TRUE(read.has_value());
  const auto network = Network::make(read->spec, best_isa());
  const auto checked = check_golden(*read, *network, 1e-5f, "net.safetensors");
  ASSERT_FALSE(checked.has_value());
  EXPECT_EQ(checked.error().code, ErrorCode::check_mismatch);
  EXPECT_EQ(checked.error().field, "golden.y[7][2]");
}

TEST(Safetensors, layers_and_tensors_that_do_not_fit_are_refused) {
  const auto refused = [](const TorchFile& file, std::string_view name, std::string_view field) {
    const auto read = file.read();
    ASSERT_FALSE(read.has_value()) << field;
    EXPECT_EQ(read.error().file, name) << read.error().message();
    EXPECT_TRUE(read.error().field.contains(field)) << read.error().message();
  };
  const auto with_layers = [](std::string_view what, std::string_view with) {
    TorchFile file;
    file.layers = replaced(file.layers, what, with);
    return file;
  };
  refused(with_layers("\"conv1d\"", "\"conv2d\""), "net.json", "layers[0].type");
  refused(with_layers("\"elu\"", "\"gelu\""), "net.json", "layers[0].activation");
  refused(with_layers("\"dilation\"", "\"stride\""), "net.json", "layers[0].stride");
  refused(with_layers("\"window\":7", "\"window\":70000000000"), "net.json", "layers[2].window");
  refused(with_layers("\"window\":7", "\"window\":70000000"), "net.safetensors", "window");
  refused(with_layers("\"inputs\":13", "\"inputs\":14"), "net.safetensors", "l0.weight");
  refused(with_layers("\"l1\"", "\"l9\""), "net.safetensors", "l9.weight");
  refused(with_layers("\"l1\"", "\"l0\""), "net.safetensors", "l0.weight");
  TorchFile left_over;
  left_over.tensors.push_back({"l4.weight_hr_l0", {1}, {1}});
  refused(left_over, "net.safetensors", "l4.weight_hr_l0");
  TorchFile nan;
  nan.tensors[0].values[5] = std::nanf("");
  refused(nan, "net.safetensors", "weight[5]");
  TorchFile golden;
  golden.tensors.back().shape = {3, 30};
  refused(golden, "net.safetensors", "golden");
}

}  // namespace
}  // namespace thintail
