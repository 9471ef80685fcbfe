// SPDX-License-Identifier: Apache-2.0
// RequestParser: HTTP/1.1 requests out of bytes, by Boost.Beast, and stricter where requests could hide in one another.
//   path       warm
//   threads    one
//   invariant  refuses what two readers could read differently: Content-Length beside Transfer-Encoding, several of either,
//              any coding but chunked, control bytes in values
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "adapters/http/front.hpp"

namespace thintail::http {

struct RequestLimits {
  std::size_t header_bytes_max = 16 * 1024;
  std::size_t fields_max = 100;
};

class RequestParser {
 public:
  using BodyLimit = std::function<std::size_t(std::string_view target)>;

  RequestParser(const RequestLimits& limits, BodyLimit body_limit);
  ~RequestParser();
  RequestParser(RequestParser&&) noexcept;
  RequestParser& operator=(RequestParser&&) noexcept;

  enum class Status : std::uint8_t { need_more, complete, failed };
  struct Fed {
    std::size_t consumed = 0;  // what is left must stand at the front of the next call
    Status status = Status::need_more;
  };
  // After `complete` take() the request; further bytes belong to the next one.
  Fed feed(std::string_view bytes);

  RawRequest take();

  bool has_begun() const noexcept;  // some bytes of a request are here
  bool is_header_done() const noexcept;
  bool wants_continue() const noexcept;  // Expect: 100-continue, its body still missing
  bool is_keep_alive() const noexcept;  // of the request completed last

  // Of `failed`.
  ErrorCode error_code() const noexcept;
  int error_status() const noexcept;
  const std::string& error_detail() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace thintail::http
