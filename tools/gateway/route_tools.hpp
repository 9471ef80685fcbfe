// SPDX-License-Identifier: Apache-2.0
// What handlers share: parameters of their routes, pages of rows, the instrument that a request means.
//   path  cold
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <deque>
#include <expected>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "adapters/http/route.hpp"
#include "tools/gateway/api_schemas.hpp"
#include "tools/gateway/json_views.hpp"
#include "tools/gateway/routes.hpp"

namespace thintail::gateway {

inline constexpr std::int64_t kRowsDefault = 500;
inline constexpr std::int64_t kRowsMax = 10'000;

// Adds routes of one method and tag to a list.
class RouteAdder {
 public:
  using Handler = std::function<http::Response(const http::Request&)>;

  RouteAdder(std::vector<http::Route>& routes, http::Method method, std::string tag, bool is_account_data = false)
      : routes_(&routes), method_(method), tag_(std::move(tag)), is_account_data_(is_account_data) {}
  // The new route, to be completed; valid until the next one is added.
  http::Route& operator()(std::string pattern, std::string operation, std::string summary, nlohmann::json reply,
                          std::vector<http::Parameter> parameters, Handler handler,
                          std::vector<http::Alias> aliases = {}) const;

 private:
  std::vector<http::Route>* routes_;
  http::Method method_;
  std::string tag_;
  bool is_account_data_;
};

http::Parameter symbol_parameter(http::Parameter::In in);
http::Parameter timeframe_parameter();
std::vector<http::Parameter> page_parameters();  // limit, cursor
std::vector<http::Parameter> span_parameters();  // from_ns, to_ns

inline std::size_t limit_of(const http::Request& request) {
  return static_cast<std::size_t>(request.query_integer("limit", kRowsDefault));
}
// Rows of lower keys than it are wanted.
inline std::uint64_t cursor_of(const http::Request& request) {
  std::uint64_t cursor = std::numeric_limits<std::uint64_t>::max();
  if (const auto text = request.query_value("cursor")) {
    std::from_chars(text->data(), text->data() + text->size(), cursor);
  }
  return cursor;
}

// The one instrument that `text` means, or the problem: none, or several of them.
std::expected<std::uint32_t, http::Response> instrument_of(const CoreModel& model, std::string_view text);
// As above of the query's `symbol`; nothing where it has none.
std::expected<std::optional<std::uint32_t>, http::Response> wanted_instrument(const CoreModel& model,
                                                                              const http::Request& request);

template <class Row>
struct RowPage {
  std::vector<const Row*> rows;  // ascending
  std::optional<std::uint64_t> next;
};

// The newest `limit` rows below `cursor` that `takes`, of rows that ascend by `key`.
template <class Row, class Key, class Takes>
RowPage<Row> newest_rows(const std::deque<Row>& rows, std::uint64_t cursor, std::size_t limit, Key&& key,
                         Takes&& takes) {
  RowPage<Row> page;
  for (auto row = rows.rbegin(); row != rows.rend(); ++row) {
    if (key(*row) >= cursor || !takes(*row)) continue;
    if (page.rows.size() == limit) {
      page.next = limit == 0 ? key(*row) + 1 : key(*page.rows.back());
      break;
    }
    page.rows.push_back(&*row);
  }
  std::ranges::reverse(page.rows);
  return page;
}

inline Json cursor_json(const std::optional<std::uint64_t>& next) {
  return next ? Json(ns_text(static_cast<std::int64_t>(*next))) : Json(nullptr);
}

// Of rows that span [from, to]: whether nothing between was missed, by what the gateway saw and `gaps`, which a journal tells of.
bool is_complete(const Parts& parts, const std::vector<TimeSpan>& gaps, std::int64_t from_ns, std::int64_t to_ns);
inline constexpr const char* kUnseen =
    "the gateway was overtaken, or ticks never reached the engine: what lay between was never seen";
// The Coverage of a page; `missing`: why rows of it may be.
std::string coverage_text(std::optional<std::int64_t> from_ns, std::optional<std::int64_t> to_ns,
                          const std::optional<std::string>& missing);

// {"core": .., <members>}
Json with_core(const CoreModel& model, const Parts& parts, Json members);

}  // namespace thintail::gateway
