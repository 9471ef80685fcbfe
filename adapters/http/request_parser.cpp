// SPDX-License-Identifier: Apache-2.0
#include "adapters/http/request_parser.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/optional.hpp>
#include <optional>
#include <utility>

#include "adapters/http/text.hpp"

namespace thintail::http {
namespace {

namespace beast = boost::beast;
using beast::error_code;
using BeastError = beast::http::error;

std::string_view std_view(beast::string_view text) noexcept { return {text.data(), text.size()}; }

std::optional<Method> method_of(beast::http::verb verb) noexcept {
  using enum beast::http::verb;
  switch (verb) {
    case get: return Method::get;
    case head: return Method::head;
    case post: return Method::post;
    case put: return Method::put;
    case patch: return Method::patch;
    case delete_: return Method::del;
    case options: return Method::options;
    default: return std::nullopt;
  }
}

struct Fault {
  ErrorCode code = ErrorCode::http_malformed;
  int status = 400;
  std::string detail;
};

class Parser final : public beast::http::basic_parser<true> {
 public:
  Parser(const RequestLimits& limits, const RequestParser::BodyLimit& body_limit)
      : limits_(limits), body_limit_(body_limit) {
    header_limit(static_cast<std::uint32_t>(limits.header_bytes_max));
    eager(true);
  }

  RawRequest request;
  std::optional<Fault> fault;
  bool expects_continue = false;

 private:
  void refuse(error_code& error, std::string detail, int status = 400, ErrorCode code = ErrorCode::http_malformed) {
    fault = Fault{code, status, std::move(detail)};
    error = BeastError::bad_value;
  }

  void on_request_impl(beast::http::verb verb, beast::string_view, beast::string_view target, int version,
                       error_code& error) override {
    if (version != 10 && version != 11) return refuse(error, "HTTP/1.1 or 1.0 is needed", 505);
    request.method = method_of(verb);
    request.target = std_view(target);
    request.is_http_1_1 = version == 11;
  }

  void on_field_impl(beast::http::field name, beast::string_view name_text, beast::string_view value,
                     error_code& error) override {
    using enum beast::http::field;
    if (is_header_over_) return;  // trailers name nothing that we would believe
    const std::string_view text = std_view(value);
    const auto is_control = [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F; };
    if (std::ranges::any_of(text, is_control)) return refuse(error, "a header has a control byte");
    if (request.headers.size() >= limits_.fields_max) {
      return refuse(error, fmt::format("more than {} headers", limits_.fields_max), 431, ErrorCode::http_too_large);
    }
    if (name == content_length && (std::exchange(has_length_, true) || has_coding_ || text.contains(','))) {
      return refuse(error, "one Content-Length, and no Transfer-Encoding beside it");
    }
    if (name == transfer_encoding && (std::exchange(has_coding_, true) || has_length_ || !request.is_http_1_1 ||
                                      !equal_without_case(text, "chunked"))) {
      return refuse(error, "Transfer-Encoding: chunked or none, and no Content-Length beside it");
    }
    // Only what announces a body asks how large it may be: most requests bring none.
    if (name == content_length || name == transfer_encoding) body_limit(body_limit_(request.target));
    if (name == expect) {
      if (!equal_without_case(text, "100-continue")) return refuse(error, "Expect: 100-continue or none", 417);
      expects_continue = true;
    }
    request.headers.push_back({std::string(std_view(name_text)), std::string(text)});
  }

  void on_header_impl(error_code&) override { is_header_over_ = true; }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(beast::string_view body, error_code&) override {
    request.body.append(body.data(), body.size());
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view body, error_code&) override {
    request.body.append(body.data(), body.size());
    return body.size();
  }
  void on_response_impl(int, beast::string_view, int, error_code&) override {}
  void on_finish_impl(error_code&) override {}

  const RequestLimits& limits_;
  const RequestParser::BodyLimit& body_limit_;
  bool is_header_over_ = false;
  bool has_length_ = false;
  bool has_coding_ = false;
};

Fault fault_of(const error_code& error, const RequestLimits& limits) {
  if (error == BeastError::header_limit) {
    return {ErrorCode::http_too_large, 431,
            fmt::format("the headers have more than {} bytes", limits.header_bytes_max)};
  }
  if (error == BeastError::body_limit)
    return {ErrorCode::http_too_large, 413, "the body is larger than this route takes"};
  if (error == BeastError::bad_version) return {ErrorCode::http_malformed, 505, "HTTP/1.1 or 1.0 is needed"};
  return {ErrorCode::http_malformed, 400, error.message()};
}

}  // namespace

struct RequestParser::State {
  State(const RequestLimits& request_limits, BodyLimit limit) : limits(request_limits), body_limit(std::move(limit)) {
    parser.emplace(limits, body_limit);
  }

  RequestLimits limits;
  BodyLimit body_limit;
  std::optional<Parser> parser;
  bool has_bytes = false;
  bool is_keep_alive = true;
  Fault fault;
};

RequestParser::RequestParser(const RequestLimits& limits, BodyLimit body_limit)
    : state_(std::make_unique<State>(limits, std::move(body_limit))) {}
RequestParser::~RequestParser() = default;
RequestParser::RequestParser(RequestParser&&) noexcept = default;
RequestParser& RequestParser::operator=(RequestParser&&) noexcept = default;

RequestParser::Fed RequestParser::feed(std::string_view bytes) {
  Fed fed;
  Parser& parser = *state_->parser;
  while (fed.consumed < bytes.size() && !parser.is_done()) {
    state_->has_bytes = true;
    beast::error_code error;
    const std::string_view rest = bytes.substr(fed.consumed);
    const std::size_t count = parser.put(boost::asio::const_buffer(rest.data(), rest.size()), error);
    fed.consumed += count;
    if (error == BeastError::need_more) return fed;
    if (error) {
      state_->fault = parser.fault ? *parser.fault : fault_of(error, state_->limits);
      fed.status = Status::failed;
      return fed;
    }
    if (count == 0) break;
  }
  if (parser.is_done()) {
    state_->is_keep_alive = parser.keep_alive();
    fed.status = Status::complete;
  }
  return fed;
}

RawRequest RequestParser::take() {
  RawRequest request = std::move(state_->parser->request);
  state_->parser.emplace(state_->limits, state_->body_limit);
  state_->has_bytes = false;
  return request;
}

bool RequestParser::has_begun() const noexcept { return state_->has_bytes; }
bool RequestParser::is_header_done() const noexcept { return state_->parser->is_header_done(); }
bool RequestParser::wants_continue() const noexcept {
  return state_->parser->expects_continue && state_->parser->is_header_done() && !state_->parser->is_done();
}
bool RequestParser::is_keep_alive() const noexcept { return state_->is_keep_alive; }
ErrorCode RequestParser::error_code() const noexcept { return state_->fault.code; }
int RequestParser::error_status() const noexcept { return state_->fault.status; }
const std::string& RequestParser::error_detail() const noexcept { return state_->fault.detail; }

}  // namespace thintail::http
