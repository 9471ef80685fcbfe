// SPDX-License-Identifier: Apache-2.0
// Router: finds the route of a request, checks what it brings, and writes the OpenAPI document of the same table.
//   path       warm: a few look-ups a request
//   threads    any; nothing changes after make()
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "adapters/http/route.hpp"
#include "adapters/http/schema.hpp"
#include "adapters/http/text.hpp"
#include "core/base/error.hpp"

namespace thintail::http {

struct ApiDescription {
  std::string title = "Thintail";
  std::string version;
  std::string description;
  std::vector<std::string> servers = {"/"};  // what the paths are relative to
};

class Router {
 public:
  // Fails (internal) where two routes could take the same request, a schema is not ours, a {name} has no parameter, or a
  // route has not exactly one handler: found when the program starts, not when the route is called.
  static Result<Router> make(std::vector<Route> routes, Components components, ApiDescription description);

  struct Match {
    const Route* route = nullptr;
    const Alias* alias = nullptr;  // where one was called
    std::vector<std::pair<std::string, std::string>> parameters;
  };
  struct NoMatch {
    std::vector<Method> allowed;  // empty: nothing is there
  };
  // `tags`: of the listener; empty: all. HEAD finds GET.
  std::variant<Match, NoMatch> find(Method method, const std::vector<std::string>& segments,
                                    const std::vector<std::string>& tags) const;

  // The most bytes of body that whatever is there takes.
  std::size_t body_bytes_max(const std::vector<std::string>& segments) const noexcept;

  // Path parameters and query against their schemas; what does not fit, in words.
  std::vector<FieldProblem> check_parameters(const Route& route, const Match& match,
                                             const std::vector<std::pair<std::string, std::string>>& query) const;
  std::vector<FieldProblem> check_body(const Route& route, const nlohmann::json& body) const;
  // For tests of conformance: a reply's JSON against the schema that the document shows for its status. Empty: it fits.
  std::vector<FieldProblem> check_reply(const Route& route, int status, const nlohmann::json& body) const;

  const std::vector<Route>& routes() const noexcept;
  const std::string& openapi() const noexcept;  // OpenAPI 3.1, JSON

 private:
  struct State;
  explicit Router(std::shared_ptr<const State> state) : state_(std::move(state)) {}

  std::shared_ptr<const State> state_;
};

}  // namespace thintail::http
