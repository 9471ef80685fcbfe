// SPDX-License-Identifier: Apache-2.0
#include "tools/gateway/history_route.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <map>

#include "tools/gateway/bar_store.hpp"
#include "tools/gateway/route_tools.hpp"

namespace thintail::gateway {
namespace {

using http::Request;
using http::Response;
using http::Route;
using In = http::Parameter::In;
namespace s = schema;

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

// What is asked for: bars that end after `from_ns`, up to `to_ns` and before `cursor_ns`.
struct Asked {
  BarPeriod period{};
  QuoteSide side{};
  std::string_view side_text;
  std::size_t limit = 0;
  std::int64_t cursor_ns = kNever;
  std::int64_t from_ns = std::numeric_limits<std::int64_t>::min();
  std::int64_t to_ns = kNever;

  bool takes(const BarRow& row) const noexcept {
    const std::int64_t end_ns = row.end_s * kSecondNs;
    return end_ns <= to_ns && end_ns > from_ns && end_ns < cursor_ns;
  }
};

// Bars by where they come from: `source` "" is the core.
struct Found {
  struct Bar {
    BarRow row;
    std::string source;
  };
  InstrumentModel shown;  // names and digits
  std::vector<Bar> bars;  // ascending, closed
  std::optional<BarRow> forming;
  std::optional<std::int64_t> next_ns;  // older ones end before it
  std::optional<std::string> missing;  // why some may be
  std::vector<TimeSpan> gaps;  // that the journals tell of
  std::int64_t now_ns = 0;  // engine time
  std::string core;
};

// Whether every bar that ends before `next_ns` ends by `from_ns`: bars of all periods end on whole minutes.
bool is_all_before(std::int64_t from_ns, std::int64_t next_ns) noexcept {
  constexpr std::int64_t kMinuteNs = 60 * kSecondNs;
  return (next_ns - 1) / kMinuteNs * kMinuteNs <= from_ns;
}

std::uint64_t end_key(const BarRow& row) noexcept { return row.end_s * std::uint64_t{1'000'000'000}; }

// From memory, then from the journals.
std::optional<Response> look_in_core(const Parts& parts, std::string_view symbol, const Asked& asked, Found& found) {
  bool asks_journal = false;
  std::int64_t oldest_ns = asked.cursor_ns;
  const auto refusal = parts.model->read([&](const CoreModel& model) -> std::optional<Response> {
    const auto index = instrument_of(model, symbol);
    if (!index) return index.error();
    const InstrumentModel& at = model.instruments[*index];
    found.shown.name = at.name;
    found.shown.symbol = at.symbol;
    found.shown.digits = at.digits;
    found.now_ns = model.time_ns;
    const auto& closed = at.bars[static_cast<std::size_t>(asked.period)];
    found.forming = forming_bar(at, asked.period);
    if (found.forming && !asked.takes(*found.forming)) found.forming.reset();
    const std::size_t wanted = asked.limit - (found.forming ? 1 : 0);
    const auto page = newest_rows(closed, std::numeric_limits<std::uint64_t>::max(), wanted, end_key,
                                  [&](const BarRow& row) { return asked.takes(row); });
    for (const BarRow* row : page.rows) found.bars.push_back({*row, ""});
    if (page.next) found.next_ns = static_cast<std::int64_t>(*page.next);
    const bool is_evicted = !model.has_all_history || closed.size() >= model.limits.bars;
    const bool reaches_back = closed.empty() || closed.front().end_s * kSecondNs > asked.from_ns;
    const bool goes_on = !page.next && is_evicted && reaches_back;
    asks_journal = goes_on && found.bars.size() < wanted;
    if (goes_on && !asks_journal) {  // the next page begins in the journals
      found.next_ns = (found.bars.empty() ? *found.forming : found.bars.front().row).end_s * kSecondNs;
    }
    if (!closed.empty()) oldest_ns = std::min(oldest_ns, closed.front().end_s * kSecondNs);
    found.core = dumped(core_json(model, parts.instance, wall_now_ns()));
    return std::nullopt;
  });
  if (refusal || !asks_journal) return refusal;
  const std::size_t wanted = asked.limit - (found.forming ? 1 : 0) - found.bars.size();
  if (asked.to_ns < kNever) oldest_ns = std::min(oldest_ns, asked.to_ns + 1);
  const auto older = parts.history->bars_before(found.shown.name, asked.period, asked.from_ns, oldest_ns, wanted);
  if (!older) return http::problem(older.error());
  found.gaps = older->gaps;
  if (older->fault) found.missing = older->fault->message();
  std::vector<Found::Bar> bars;
  for (const BarRow& row : older->rows) {
    if (asked.takes(row)) bars.push_back({row, ""});
  }
  found.bars.insert(found.bars.begin(), bars.begin(), bars.end());
  if (older->has_more) found.next_ns = static_cast<std::int64_t>(older->resume);
  return std::nullopt;
}

// What the core has no bar of. Of one that both have, the core's counts.
std::optional<Response> add_imported(const BarStore& store, const Asked& asked, Found& found) {
  if (!store.is_ready()) found.missing = "bar files are still being read";
  // Not into a replay's future; and no further back than the core's own bars of this page go.
  const std::int64_t last_ns =
      std::min({asked.cursor_ns - 1, asked.to_ns, found.now_ns == 0 ? kNever - 1 : found.now_ns});
  const std::int64_t after_ns = found.next_ns ? std::max(asked.from_ns, *found.next_ns - 1) : asked.from_ns;
  auto page = store.bars_before(found.shown.name, asked.period, asked.side, after_ns, last_ns + 1, asked.limit);
  if (!page) return http::problem(page.error());
  std::map<std::uint32_t, Found::Bar> all;
  for (ImportedBar& bar : page->rows) all[bar.row.end_s] = {bar.row, std::move(bar.source)};
  for (Found::Bar& bar : found.bars) all[bar.row.end_s] = std::move(bar);
  if (page->has_more) found.next_ns = std::max(found.next_ns.value_or(page->resume_ns), page->resume_ns);
  found.bars.clear();
  for (auto& [end_s, bar] : all) {
    if (!found.next_ns || end_s * kSecondNs >= *found.next_ns) found.bars.push_back(std::move(bar));
  }
  const std::size_t room = asked.limit - (found.forming ? 1 : 0);
  if (found.bars.size() > room) {
    const auto kept = found.bars.end() - static_cast<std::ptrdiff_t>(room);
    found.next_ns = (room == 0 ? *found.forming : kept->row).end_s * kSecondNs;
    found.bars.erase(found.bars.begin(), kept);
  }
  return std::nullopt;
}

Json sources_json(const Found& found) {
  std::map<std::string, std::uint64_t> counts;
  for (const Found::Bar& bar : found.bars) ++counts[bar.source];
  if (found.forming) ++counts[""];
  Json sources = Json::array();
  for (const auto& [source, count] : counts) {
    sources.push_back({{"source", source.empty() ? "core" : source}, {"rows", count}});
  }
  return sources;
}

// Between two bars of a page: longer than markets close for. Nobody recorded what was there.
std::optional<std::string> hole_of(BarPeriod period, const Found& found) {
  constexpr std::int64_t kClosedMaxNs = 4 * 86'400 * kSecondNs;
  const auto look = [&](const BarRow& before, const BarRow& after) -> std::optional<std::string> {
    const std::int64_t end_ns = before.end_s * kSecondNs;
    const std::int64_t start_ns = bar_start_ns(period, after.end_s * kSecondNs);
    if (start_ns - end_ns <= kClosedMaxNs) return std::nullopt;
    return fmt::format("no bars are known from {} to {}", end_ns, start_ns);
  };
  for (std::size_t i = 1; i < found.bars.size(); ++i) {
    if (auto hole = look(found.bars[i - 1].row, found.bars[i].row)) return hole;
  }
  if (found.bars.empty() || !found.forming) return std::nullopt;
  return look(found.bars.back().row, *found.forming);
}

Response history(const Parts& parts, const Request& request) {
  const auto period = timeframe_from_text(request.parameter("timeframe"));
  if (!period) {
    return http::problem(ErrorCode::http_parameter, "timeframe: M1 M5 M15 M30 H1 H4 D1",
                         {{"path.timeframe", "no timeframe of ours"}});
  }
  Asked asked;
  asked.period = *period;
  asked.side_text = request.query_value("side").value_or("bid");
  asked.side = asked.side_text == "ask" ? QuoteSide::ask : asked.side_text == "mid" ? QuoteSide::mid : QuoteSide::bid;
  asked.limit = limit_of(request);
  asked.cursor_ns = static_cast<std::int64_t>(std::min<std::uint64_t>(cursor_of(request), kNever));
  asked.from_ns = request.query_integer("from_ns", asked.from_ns);
  asked.to_ns = request.query_integer("to_ns", asked.to_ns);
  Found found;
  if (auto refusal = look_in_core(parts, request.parameter("symbol"), asked, found)) return *std::move(refusal);
  if (parts.bars != nullptr) {
    if (auto refusal = add_imported(*parts.bars, asked, found)) return *std::move(refusal);
  }
  if (found.next_ns && is_all_before(asked.from_ns, *found.next_ns)) found.next_ns.reset();
  std::string body =
      fmt::format(R"({{"core":{},"instrument":{},"timeframe":"{}","side":"{}","items":[)", found.core,
                  dumped(Json(found.shown.name)), kBarPeriodNames[static_cast<std::size_t>(*period)], asked.side_text);
  std::optional<std::int64_t> first_ns;
  std::optional<std::int64_t> last_ns;
  const auto append = [&](const BarRow& row, bool is_closed) {
    if (first_ns) body += ',';
    if (!first_ns) first_ns = bar_start_ns(*period, row.end_s * kSecondNs);
    last_ns = row.end_s * kSecondNs;
    append_bar(body, found.shown, *period, asked.side, row, is_closed, false);
  };
  for (const Found::Bar& bar : found.bars) append(bar.row, true);
  if (found.forming) append(*found.forming, false);
  if (!found.missing) found.missing = hole_of(*period, found);
  if (first_ns && !found.missing && !is_complete(parts, found.gaps, *first_ns, *last_ns)) found.missing = kUnseen;
  fmt::format_to(std::back_inserter(body), R"(],"coverage":{},"sources":{},"next_cursor":{}}})",
                 coverage_text(first_ns, last_ns, found.missing), dumped(sources_json(found)),
                 dumped(found.next_ns ? Json(ns_text(*found.next_ns)) : Json(nullptr)));
  return Response::json_text(std::move(body));
}

}  // namespace

void add_history_route(std::vector<Route>& routes, const Parts& parts) {
  const RouteAdder get(routes, http::Method::get, "market");
  std::vector<http::Parameter> parameters = {symbol_parameter(In::path),
                                             timeframe_parameter(),
                                             {.name = "side",
                                              .in = In::query,
                                              .is_required = false,
                                              .schema = s::one_of({"bid", "ask", "mid"}),
                                              .description = "bid where it is left out"}};
  for (const auto& more : {page_parameters(), span_parameters()}) {
    parameters.insert(parameters.end(), more.begin(), more.end());
  }
  Route& route =
      get("/api/v1/history/{symbol}/{timeframe}", "listBars", "Bars, newest page first; the forming one is flagged",
          s::page_of("Bar",
                     {{"instrument", s::text(64)},
                      {"coverage", s::reference("Coverage")},
                      {"timeframe", s::text(4)},
                      {"side", s::one_of({"bid", "ask", "mid"})},
                      {"sources", s::list_of(s::object({{"source", s::text(256)}, {"rows", {{"type", "integer"}}}}))}}),
          std::move(parameters), [parts](const Request& request) { return history(parts, request); },
          {{"/mt5/history/{symbol}/{timeframe}"}, {"/api/v1/data/history/{symbol}/{timeframe}"}});
  route.may_block = true;
  route.rate_class = http::RateClass::data;
}

}  // namespace thintail::gateway
