// SPDX-License-Identifier: Apache-2.0
#include "ml/models/output_transform.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <type_traits>

namespace thintail {
namespace {

// "sigmoid:0.5" among an objective's words; 1 where it is not named, nothing where it is no positive number.
bool read_slope(std::string_view words, double& slope) noexcept {
  constexpr std::string_view kKey = "sigmoid:";
  const std::size_t at = words.find(kKey);
  if (at == std::string_view::npos) return true;
  const std::string_view value = words.substr(at + kKey.size());
  const auto [end, fault] = std::from_chars(value.data(), value.data() + value.size(), slope);
  return fault == std::errc() && std::isfinite(slope) && slope > 0 &&
         (end == value.data() + value.size() || *end == ' ');
}

template <class Real>
Real sigmoid(Real x, double slope) noexcept {
  if constexpr (std::is_same_v<Real, float>) {
    return 1.0F / (std::exp(std::min(-x, 88.7F)) + 1.0F);
  } else {
    return 1.0 / (1.0 + std::exp(-slope * x));
  }
}

template <class Real>
void softmax(std::span<double> values) noexcept {
  const double largest = *std::ranges::max_element(values);
  double sum = 0;
  for (double& value : values) {
    value = static_cast<double>(std::exp(static_cast<Real>(value) - static_cast<Real>(largest)));
    sum += value;
  }
  for (double& value : values) value = static_cast<double>(static_cast<Real>(value) / static_cast<Real>(sum));
}

// Numbers in their order, as integers: neighbours differ by 1, both zeros are 0.
template <class Bits, class Real>
std::int64_t in_order(Real value) noexcept {
  const auto bits = std::bit_cast<Bits>(value);
  return bits < 0 ? static_cast<std::int64_t>(std::numeric_limits<Bits>::min()) - std::int64_t{bits}
                  : std::int64_t{bits};
}

}  // namespace

Result<OutputTransform> OutputTransform::of(std::string_view objective, SumType sum_type, std::uint32_t averaged_over,
                                            const std::string& file) {
  OutputTransform out;
  out.sum_type_ = sum_type;
  out.averaged_over_ = std::max(averaged_over, 1U);
  const std::string_view name = objective.substr(0, objective.find(' '));
  const std::string_view words = objective.substr(std::min(name.size() + 1, objective.size()));
  const auto is_one_of = [&](auto... names) { return ((name == names) || ...); };
  bool is_known = true;
  // XGBoost's have a colon, LightGBM's have none.
  if (is_one_of("binary:logistic", "reg:logistic", "binary", "multiclassova", "cross_entropy", "xentropy")) {
    out.kind_ = Kind::sigmoid;
    is_known = read_slope(words, out.slope_);
  } else if (is_one_of("multi:softprob", "multiclass", "softmax")) {
    out.kind_ = Kind::softmax;
  } else if (name == "multi:softmax") {
    out.kind_ = Kind::chosen_class;
  } else if (is_one_of("count:poisson", "reg:gamma", "reg:tweedie", "poisson", "gamma", "tweedie")) {
    out.kind_ = Kind::exponential;
  } else if (name == "binary:hinge") {
    out.kind_ = Kind::step;
  } else if (is_one_of("cross_entropy_lambda", "xentlambda")) {
    out.kind_ = Kind::log_one_exp;
  } else if (name.starts_with("regression")) {
    out.kind_ = words == "sqrt" ? Kind::signed_square : Kind::identity;
  } else {
    is_known = is_one_of("reg:squarederror", "reg:linear", "reg:squaredlogerror", "reg:pseudohubererror",
                         "reg:absoluteerror", "rank:pairwise", "rank:ndcg", "rank:map", "binary:logitraw", "huber",
                         "fair", "quantile", "mape", "lambdarank", "rank_xendcg", "custom", "");
  }
  if (is_known) return out;
  return fail(
      {.code = ErrorCode::model_unsupported,
       .doing = "transforming a model's output",
       .file = file,
       .field = "objective",
       .expected = "one of which we know what the library makes of its margins (docs/models.md), or raw margins",
       .found = printable(objective)});
}

template <class Real>
void OutputTransform::apply_in(std::span<double> values) const noexcept {
  const auto each = [&](auto&& transform) {
    for (double& value : values) value = static_cast<double>(transform(static_cast<Real>(value)));
  };
  if (averaged_over_ > 1) each([&](Real x) { return x / static_cast<Real>(averaged_over_); });
  switch (kind_) {
    case Kind::identity: break;
    case Kind::sigmoid: each([&](Real x) { return sigmoid(x, slope_); }); break;
    case Kind::softmax: softmax<Real>(values); break;
    case Kind::chosen_class: values[0] = static_cast<double>(std::ranges::max_element(values) - values.begin()); break;
    case Kind::exponential: each([](Real x) { return std::exp(x); }); break;
    case Kind::step: each([](Real x) { return x > 0 ? Real{1} : Real{0}; }); break;
    case Kind::signed_square: each([](Real x) { return std::copysign(x * x, x); }); break;
    case Kind::log_one_exp: each([](Real x) { return std::log1p(std::exp(x)); }); break;
  }
}

std::size_t OutputTransform::apply(std::span<double> values) const noexcept {
  if (sum_type_ == SumType::float32) {
    apply_in<float>(values);
  } else {
    apply_in<double>(values);
  }
  return predictions(values.size());
}

std::uint64_t ulps_between(double a, double b, SumType type) noexcept {
  if (std::isnan(a) || std::isnan(b)) return std::numeric_limits<std::uint64_t>::max();
  const bool is_float = type == SumType::float32;
  const std::int64_t x = is_float ? in_order<std::int32_t>(static_cast<float>(a)) : in_order<std::int64_t>(a);
  const std::int64_t y = is_float ? in_order<std::int32_t>(static_cast<float>(b)) : in_order<std::int64_t>(b);
  return x > y ? static_cast<std::uint64_t>(x) - static_cast<std::uint64_t>(y)
               : static_cast<std::uint64_t>(y) - static_cast<std::uint64_t>(x);
}

}  // namespace thintail
