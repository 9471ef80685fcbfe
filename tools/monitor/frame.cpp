// SPDX-License-Identifier: Apache-2.0
#include "tools/monitor/frame.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cctype>
#include <cmath>

#include "core/price/decimal.hpp"
#include "tools/monitor/safe_text.hpp"
#include "tools/report/report_text.hpp"

namespace thintail {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
// Ten heartbeats: a writer that misses as many is stalled, whatever its lock says.
constexpr std::int64_t kSilentNs = kSecondNs;
constexpr std::size_t kWideWidth = 117;
constexpr std::size_t kRoomyHeight = 40;

std::string left(std::string_view text, std::size_t width) {
  std::string out = safe_text(text).substr(0, width);
  out.append(width - out.size(), ' ');
  return out;
}

// A number that does not fit is not shown: a part of it would be another number.
std::string right(std::string_view text, std::size_t width) {
  return text.size() > width ? std::string(width, '#') : fmt::format("{:>{}}", text, width);
}

// A count that may be of any size in a narrow column: where it does not fit in full it is rounded down, with a letter.
std::string counted(std::uint64_t value, std::size_t width) {
  std::string text = grouped(value);
  for (const char letter : std::string_view("kMGTPE")) {
    if (text.size() <= width) break;
    value /= 1'000;
    text = fmt::format("{} {}", grouped(value), letter);
  }
  return text;
}

std::string percent_text(std::optional<double> share) {
  return share ? fmt::format("{:.0f}%", std::floor(*share * 100)) : "none";
}

std::string_view prediction_text(PredictionState state) noexcept {
  switch (state) {
    case PredictionState::valid: return "valid";
    case PredictionState::warming_up: return "warming up";
    case PredictionState::not_finite: return "not finite";
  }
  return "unknown";
}

std::string_view model_text(shm::ModelState state) noexcept {
  switch (state) {
    case shm::ModelState::absent: return "absent";
    case shm::ModelState::active: return "active";
    case shm::ModelState::shadow: return "shadow";
    case shm::ModelState::retired: return "retired";
  }
  return "unknown";
}

std::string duration_text(std::uint64_t ns) {
  const auto value = static_cast<double>(ns);
  if (ns < 1'000) return fmt::format("{} ns", ns);
  if (ns < 1'000'000) return fmt::format("{:.1f} us", value / 1e3);
  if (ns < 1'000'000'000) return fmt::format("{:.1f} ms", value / 1e6);
  return fmt::format("{:.1f} s", value / 1e9);
}

// Time that passed from `then_ns` to `now_ns`; clocks of two threads may disagree by a little.
std::string age_text(std::int64_t now_ns, std::int64_t then_ns) {
  const std::int64_t age_ns = now_ns > then_ns ? now_ns - then_ns : 0;
  const std::int64_t age_s = age_ns / kSecondNs;
  if (age_s < 10) return fmt::format("{:.1f} s", static_cast<double>(age_ns) / 1e9);
  if (age_s < 100) return fmt::format("{} s", age_s);
  if (age_s < 100 * 60) return fmt::format("{} m", age_s / 60);
  if (age_s < 100 * 3600) return fmt::format("{} h", age_s / 3600);
  return fmt::format("{} d", age_s / 86'400);
}

bool contains_in_any_case(std::string_view text, std::string_view part) {
  const auto same = [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
  };
  return std::ranges::search(text, part, same).begin() != text.end() || part.empty();
}

class Page {
 public:
  Page(const CoreSample& now, const CoreSample& earlier, const FrameOptions& options)
      : now_(now),
        earlier_(earlier),
        options_(options),
        seconds_(now.epoch == earlier.epoch && now.sampled_ns > earlier.sampled_ns
                     ? static_cast<double>(now.sampled_ns - earlier.sampled_ns) / 1e9
                     : 0) {}

  Frame render() {
    head();
    if (options_.shows_help) {
      help();
    } else {
      body();
    }
    if (!options_.is_page) {
      frame_.resize(options_.height > 0 ? options_.height - 1 : 0);
      keys();
    }
    for (FrameLine& line : frame_) {
      if (line.text.size() > options_.width) {
        line.text.resize(options_.width);
        if (!line.text.empty()) line.text.back() = '>';  // cut: what stands before it may be a part of a number
      }
      if (line.style == LineStyle::bar) line.text.resize(options_.width, ' ');
      line.text.erase(line.text.find_last_not_of(' ') + 1);
    }
    if (!options_.is_page) frame_.resize(std::min(frame_.size(), options_.height));
    return std::move(frame_);
  }

 private:
  void add(std::string text, LineStyle style = LineStyle::plain) { frame_.push_back({std::move(text), style}); }

  // "1,234" a second; "-" where there is no earlier look.
  std::string rate(std::uint64_t now, std::uint64_t before) const {
    if (seconds_ <= 0) return "-";
    return grouped(
        static_cast<std::uint64_t>(std::llround(static_cast<double>(now - std::min(now, before)) / seconds_)));
  }

  bool is_silent() const { return now_.state == CoreState::running && now_.sampled_ns - now_.heartbeat_ns > kSilentNs; }

  void head() {
    const bool is_ill = now_.state == CoreState::dead || now_.state == CoreState::stale || is_silent();
    add(fmt::format("thintail top  {}  epoch {}  {}  pid {}  heartbeat {} ago", safe_text(now_.instance), now_.epoch,
                    is_silent() ? "SILENT" : name_of(now_.state), now_.pid,
                    age_text(now_.sampled_ns, now_.heartbeat_ns)),
        is_ill ? LineStyle::alert : LineStyle::heading);
    add(fmt::format("ticks/s {}  events/s {}  not durable {}  {}", rate(now_.inputs, earlier_.inputs),
                    rate(now_.events_head, earlier_.events_head),
                    grouped(now_.events_head - std::min(now_.events_head, now_.durable)),
                    now_.engine_ns == 0 ? "-" : utc_text(now_.engine_ns)));
  }

  void body() {
    std::vector<std::string> problems = problems_of();
    const std::vector<std::string> counters = counter_lines();
    const std::vector<const InstrumentSample*> quotes = chosen_instruments();
    const std::size_t stages = now_.stages.size();
    std::size_t stage_rows = stages;
    std::size_t quote_rows = quotes.size();
    std::size_t risk_rows = quotes.size();
    std::vector<std::string> models = model_lines();
    bool is_airy = true;
    if (!options_.is_page) {
      problems.resize(std::min<std::size_t>(problems.size(), 3));
      if (options_.height < kRoomyHeight && models.size() > 2) models.resize(2);
      // Head 2, keys 1, and a heading for each of six sections.
      const auto fixed =
          9 + now_.threads.size() + now_.streams.size() + models.size() + problems.size() + counters.size();
      std::size_t spare = options_.height > fixed ? options_.height - fixed : 0;
      // Limits have a heading of their own where they are shown; seven gaps where all is shown.
      is_airy = spare >= stages + 2 * quotes.size() + 1 + 7;
      // What quotes leave, but at least half: latencies are few, instruments may be thousands.
      stage_rows =
          std::min(stages, std::max(spare / 2, spare - std::min(spare, std::max<std::size_t>(quotes.size(), 1))));
      spare -= stage_rows;
      // Quotes and limits share what is left where it is enough for both to tell something.
      risk_rows = spare >= quotes.size() + 3 ? spare - quotes.size() - 1 : spare >= kRoomyHeight ? spare / 2 - 1 : 0;
      quote_rows = risk_rows == 0 ? spare : spare - risk_rows - 1;
    }
    const auto gap = [&] {
      if (is_airy) add("");
    };
    gap();
    threads();
    gap();
    streams();
    gap();
    latencies(stage_rows);
    gap();
    instruments(quotes, quote_rows);
    gap();
    risk(quotes, risk_rows);
    if (!models.empty()) gap();
    for (std::string& line : models) add(std::move(line));
    gap();
    add(problems.empty() ? "ERRORS none" : "ERRORS", problems.empty() ? LineStyle::heading : LineStyle::alert);
    for (std::string& problem : problems) add("  " + std::move(problem), LineStyle::alert);
    for (const std::string& line : counters) add(line);
  }

  void threads() {
    add(fmt::format("{} {} {} {} {} {} {}", left("THREADS", 12), left("state", 9), right("core", 5), right("busy", 7),
                    right("work/s", 13), right("idle turns/s", 13), right("last work", 10)),
        LineStyle::heading);
    for (const ThreadSample& thread : now_.threads) {
      const auto found = std::ranges::find(earlier_.threads, thread.name, &ThreadSample::name);
      const ThreadSample& before = found == earlier_.threads.end() ? thread : *found;
      const auto work = static_cast<double>(thread.work - std::min(thread.work, before.work));
      const auto idle = static_cast<double>(thread.idle - std::min(thread.idle, before.idle));
      add(fmt::format(
              "{} {} {} {} {} {} {}", left(thread.name, 12), left(name_of(thread.state), 9),
              right(thread.cpu < 0 ? "any" : fmt::format("{}", thread.cpu), 5),
              right(work + idle <= 0 ? "-" : fmt::format("{:.1f} %", 100 * work / (work + idle)), 7),
              right(rate(thread.work, before.work), 13), right(rate(thread.idle, before.idle), 13),
              right(thread.last_progress_ns == 0 ? "-" : age_text(now_.sampled_ns, thread.last_progress_ns), 10)),
          thread.state == shm::ThreadState::failed ? LineStyle::alert : LineStyle::plain);
    }
  }

  void streams() {
    const auto line = [](std::string_view name, std::string_view slots, std::string_view published,
                         std::string_view rate, std::string_view depth, std::string_view refused,
                         std::string_view lapped) {
      return left(name, 7) + ' ' + right(slots, 5) + ' ' + right(published, 10) + ' ' + right(rate, 9) + ' ' +
             right(depth, 8) + ' ' + right(refused, 7) + ' ' + right(lapped, 6) + "  ";
    };
    add(line("STREAMS", "slots", "published", "rate/s", "depth", "refused", "lapped") + "gate lags",
        LineStyle::heading);
    for (const StreamSample& stream : now_.streams) {
      const auto found = std::ranges::find(earlier_.streams, stream.name, &StreamSample::name);
      std::string text = line(
          stream.name,
          std::has_single_bit(stream.capacity) ? fmt::format("2^{}", std::bit_width(stream.capacity) - 1) : "?",
          counted(stream.published, 10),
          found == earlier_.streams.end() ? "-" : rate(stream.published, found->published), counted(stream.depth(), 8),
          counted(stream.refused, 7), stream.name == "events" ? counted(now_.observer.lapped, 6) : "-");
      // A gate that does not fit is left out whole: a part of a number would be another number.
      for (std::size_t i = 0; i < stream.gates.size(); ++i) {
        const std::string gate =
            fmt::format("{}{} {}", i == 0 ? "" : ", ", safe_text(stream.gates[i].name), grouped(stream.gates[i].lag));
        const std::size_t kept = i + 1 == stream.gates.size() ? 0 : 3;
        if (text.size() + gate.size() + kept > options_.width) {
          text += "...";
          break;
        }
        text += gate;
      }
      add(std::move(text));
    }
  }

  void latencies(std::size_t rows) {
    add(fmt::format("{} {} {} {} {} {}", left("LATENCY", 18), right("count", 15), right("p50", 10), right("p99", 10),
                    right("p99.9", 10), right("max", 10)),
        LineStyle::heading);
    // Where there is no room for all: those that say how fast the whole is come first.
    constexpr std::array<std::string_view, 8> kByWorth = {"tick_to_intent", "in_ring",  "journal", "tick_with_intent",
                                                          "model",          "features", "decide",  "append"};
    std::vector<std::size_t> chosen;
    for (const std::string_view worth : kByWorth) {
      const auto found = std::ranges::find(now_.stages, worth, &StageSample::name);
      if (found != now_.stages.end() && chosen.size() < rows) {
        chosen.push_back(static_cast<std::size_t>(found - now_.stages.begin()));
      }
    }
    std::ranges::sort(chosen);
    for (const std::size_t at : chosen) {
      const StageSample& stage = now_.stages[at];
      add(fmt::format("{} {} {} {} {} {}", left(stage.name, 18), right(grouped(stage.count), 15),
                      right(duration_text(stage.p50_ns), 10), right(duration_text(stage.p99_ns), 10),
                      right(duration_text(stage.p999_ns), 10), right(duration_text(stage.max_ns), 10)));
    }
  }

  std::vector<const InstrumentSample*> chosen_instruments() const {
    std::vector<const InstrumentSample*> chosen;
    for (const InstrumentSample& row : now_.instruments) {
      if (contains_in_any_case(row.name, options_.filter)) chosen.push_back(&row);
    }
    const auto open = [](const InstrumentSample& row) { return row.has_position && row.quantity_e9 != 0; };
    const auto profit = [](const InstrumentSample& row) { return row.realised_e18 + row.unrealised_e18.value_or(0); };
    std::ranges::stable_sort(chosen, [&](const InstrumentSample* a, const InstrumentSample* b) {
      switch (options_.sort) {
        case QuoteSort::age:  // the oldest first; what never came last
          if (a->has_quote != b->has_quote) return a->has_quote;
          if (a->quote_ns != b->quote_ns) return a->quote_ns < b->quote_ns;
          break;
        case QuoteSort::ticks:
          if (a->ticks != b->ticks) return a->ticks > b->ticks;
          break;
        case QuoteSort::position:  // what is open first, then what was traded; in each the largest loss first
          if (open(*a) != open(*b)) return open(*a);
          if (a->has_position != b->has_position) return a->has_position;
          if (profit(*a) != profit(*b)) return profit(*a) < profit(*b);
          break;
        case QuoteSort::name: break;
      }
      return a->name < b->name;
    });
    return chosen;
  }

  void instruments(const std::vector<const InstrumentSample*>& rows, std::size_t shown) {
    const bool is_wide = options_.width >= kWideWidth;
    const std::size_t name = is_wide ? 20 : 14;
    const std::size_t price = is_wide ? 13 : 10;
    const std::size_t money = is_wide ? 14 : 10;
    const auto line = [&](std::string_view a, std::string_view bid, std::string_view ask, std::string_view age,
                          std::string_view ticks, std::string_view quantity, std::string_view realised,
                          std::string_view unrealised, std::string_view limit) {
      return left(a, name) + ' ' + right(bid, price) + ' ' + right(ask, price) + ' ' + right(age, 5) + ' ' +
             (is_wide ? right(ticks, 9) + ' ' : "") + right(quantity, is_wide ? money : 9) + ' ' +
             right(realised, money) + ' ' + right(unrealised, money) + ' ' + right(limit, 5);
    };
    add(line("QUOTES", "bid", "ask", "age", "ticks/s", "POSITIONS", "realised", "unrealised", "limit"),
        LineStyle::heading);
    const bool is_cut = rows.size() > shown;
    const std::size_t full = is_cut && shown > 0 ? shown - 1 : std::min(shown, rows.size());
    for (std::size_t i = 0; i < full; ++i) {
      const InstrumentSample& row = *rows[i];
      const auto before = std::ranges::find(earlier_.instruments, row.name, &InstrumentSample::name);
      const bool crossed = (row.quote_flags & shm::kQuoteCrossed) != 0;
      const bool stale = (row.quote_flags & shm::kQuoteStale) != 0;
      add(line(row.name, row.has_quote ? format_decimal_e9(row.bid_e9, row.digits) : "-",
               row.has_quote ? format_decimal_e9(row.ask_e9, row.digits) : "-",
               row.has_quote ? age_text(now_.engine_ns, row.quote_ns) : "-",
               before == earlier_.instruments.end() ? "-" : rate(row.ticks, before->ticks),
               row.has_position ? format_decimal_e9(row.quantity_e9) : "-",
               row.has_position ? format_money_e18(row.realised_e18) : "-",
               row.has_position && row.unrealised_e18 ? format_money_e18(*row.unrealised_e18) : "-",
               row.risk ? percent_text(row.risk->used()) : "-") +
              (is_wide ? fmt::format("{}{}", crossed ? " crossed" : "", stale ? " stale" : "") : ""),
          crossed || stale ? LineStyle::alert : LineStyle::plain);
    }
    if (is_cut && shown > 0) add(fmt::format("  and {} more (/ filters, s sorts)", rows.size() - full));
    if (rows.empty() && shown > 0) {
      add(options_.filter.empty() ? "  no instruments"
                                  : "  no instrument matches \"" + safe_text(options_.filter) + '"');
    }
  }

  void risk(const std::vector<const InstrumentSample*>& rows, std::size_t shown) {
    const shm::GateRow& gate = now_.gate;
    std::string text = "RISK gate";
    for (const auto& [flag, name] : {std::pair{shm::kGateKilled, " KILLED"},
                                     {shm::kGatePaused, " PAUSED"},
                                     {shm::kGateJournalLagging, " JOURNAL LAGGING"},
                                     {shm::kGateFlattening, " FLATTENING"}}) {
      if ((gate.flags & flag) != 0) text += name;
    }
    text += fmt::format("{}  intents {}  rejects {}", gate.flags == 0 ? " open" : "", grouped(gate.intents),
                        grouped(gate.rejects));
    if (gate.last_reject_ns != 0) {
      text += fmt::format(", last {} {} ago", risk_rule_name(static_cast<RiskRule>(gate.last_rule)),
                          age_text(now_.engine_ns, gate.last_reject_ns));
    }
    add(std::move(text), gate.flags == 0 ? LineStyle::heading : LineStyle::alert);
    if (shown == 0) return;
    const bool is_wide = options_.width >= kWideWidth;
    const std::size_t name = is_wide ? 20 : 14;
    const std::size_t number = is_wide ? 14 : 11;
    const auto line = [&](std::string_view a, std::string_view worst, std::string_view limit, std::string_view order,
                          std::string_view orders, std::string_view age, std::string_view used) {
      return left(a, name) + ' ' + right(worst, number) + ' ' + right(limit, number) + ' ' + right(order, number) +
             ' ' + right(orders, 13) + ' ' + right(age, 9) + ' ' + right(used, 6);
    };
    add(line("LIMITS", "position", "of at most", "order most", "orders/s of", "quote age", "used"), LineStyle::heading);
    const auto limit_text = [](std::int64_t limit_e9) {
      return limit_e9 < 0 ? std::string("none") : format_decimal_e9(limit_e9);
    };
    const bool is_cut = rows.size() > shown;
    const std::size_t full = is_cut ? shown - 1 : rows.size();
    for (std::size_t i = 0; i < full; ++i) {
      if (!rows[i]->risk) {
        add(line(rows[i]->name, "-", "-", "-", "-", "-", "-"));
        continue;
      }
      const RiskSample& risk = *rows[i]->risk;
      const RiskStanding& at = risk.standing;
      add(line(rows[i]->name, format_decimal_e9(saturated(risk.worst_e9())), limit_text(at.max_position_e9),
               limit_text(at.max_order_quantity_e9),
               at.max_orders_per_second < 0
                   ? "none"
                   : fmt::format("{}/{}", at.orders_in_second,
                                 counted(static_cast<std::uint64_t>(at.max_orders_per_second), 7)),
               at.max_quote_age_ns < 0 ? "none" : duration_text(static_cast<std::uint64_t>(at.max_quote_age_ns)),
               percent_text(risk.used())));
    }
    if (is_cut) add(fmt::format("  and {} more", rows.size() - full));
  }

  std::vector<std::string> model_lines() const {
    std::vector<std::string> lines;
    for (const ModelSample& model : now_.models) {
      std::string line = fmt::format("MODEL {} v{} {} {}  ", model.slot, model.version, model_text(model.state),
                                     safe_text(model.sha256));
      if (model.last) {
        const auto id = model.last->instrument;
        line += fmt::format("score {:+.4f} {}  {}  {} ago", model.last->score, prediction_text(model.last->state),
                            id < now_.instruments.size() ? safe_text(now_.instruments[id].name) : "-",
                            age_text(now_.engine_ns, model.last->time_ns));
      } else {
        line += "no prediction seen";
      }
      lines.push_back(std::move(line));
    }
    return lines;
  }

  std::vector<std::string> problems_of() const {
    std::vector<std::string> found;
    const std::string age = age_text(now_.sampled_ns, now_.heartbeat_ns);
    if (now_.state == CoreState::dead) found.push_back("the core died: its last heartbeat was " + age + " ago");
    if (!now_.refusal.empty()) found.push_back(safe_text(now_.refusal));
    if (now_.state == CoreState::stale && now_.refusal.empty())
      found.push_back("the segment was removed or replaced; waiting for the next epoch");
    if (is_silent()) found.push_back("the core is alive but gave no heartbeat for " + age);
    for (const ThreadSample& thread : now_.threads) {
      if (thread.state == shm::ThreadState::failed) found.push_back("thread " + safe_text(thread.name) + " failed");
    }
    for (const StreamSample& stream : now_.streams) {
      if (!stream.gates.empty() && stream.depth() >= stream.capacity / 2) {
        found.push_back(fmt::format("stream {} is {} % full: its slowest reader holds the writer back",
                                    safe_text(stream.name),
                                    100 * std::min(stream.depth(), stream.capacity) / stream.capacity));
      }
    }
    if (now_.observer.missed != 0) {
      found.push_back(fmt::format("the core overtook this monitor {} times: {} events missed",
                                  grouped(now_.observer.lapped), grouped(now_.observer.missed)));
    }
    if (now_.unreadable != 0) found.push_back(fmt::format("{} rows could not be read whole", now_.unreadable));
    return found;
  }

  // Those that counted something, as many on a line as there is room for.
  std::vector<std::string> counter_lines() const {
    std::vector<std::string> lines;
    for (const CounterSample& counter : now_.counters) {
      if (counter.value == 0) continue;
      const std::string text = fmt::format("{} {}", safe_text(counter.name), grouped(counter.value));
      if (lines.empty() || lines.back().size() + text.size() + 2 > options_.width) {
        lines.push_back(lines.empty() ? "COUNTERS " + text : "  " + text);
      } else {
        lines.back() += "  " + text;
      }
    }
    if (!options_.is_page && lines.size() > 2) lines.resize(2);
    return lines;
  }

  void help() {
    for (const std::string_view line : {
             "",
             "q  quit        p  pause: the frame stands still, the core goes on",
             "s  sort quotes: by name, by age, by ticks, open positions first",
             "/  show only instruments whose name contains what is typed; Enter keeps it,",
             "   Escape clears it",
             "h  this page",
             "",
             "busy      work done of work done + turns that found nothing. A thread that spins",
             "          keeps its core busy at 0 % too; \"-\" where nothing was reported",
             "depth     published events that the slowest gating reader still needs",
             "refused   appends that found the ring full",
             "LATENCY   since the epoch began; percentiles overstate by at most 1/32",
             "lapped    times that the core overtook this monitor, the one observer it knows",
             "unrealised  what closing now at the touch would bring, before commission",
             "limit     the largest share taken of a limit: position with working orders, or",
             "          orders of the last second. LIMITS, where there is room, shows both",
             "Rates are of the last second; ages of quotes and predictions in engine time.",
         }) {
      add(std::string(line));
    }
  }

  void keys() {
    std::string text;
    if (options_.is_typing_filter) {
      text = "filter: " + safe_text(options_.filter) + "_  (Enter keeps it, Escape clears it)";
    } else {
      text = fmt::format("q quit  p pause  s sort: {}  / filter{}{}  h help", name_of(options_.sort),
                         options_.filter.empty() ? "" : ": ", safe_text(options_.filter));
      if (options_.is_paused) text += "  PAUSED";
      if (!options_.note.empty()) text += "  " + safe_text(options_.note);
    }
    add(std::move(text), LineStyle::bar);
  }

  const CoreSample& now_;
  const CoreSample& earlier_;
  const FrameOptions& options_;
  double seconds_;
  Frame frame_;
};

}  // namespace

std::string_view name_of(QuoteSort sort) noexcept {
  static constexpr std::array<std::string_view, 4> kNames = {"name", "age", "ticks", "position"};
  return kNames[static_cast<std::size_t>(sort)];
}

QuoteSort next_sort(QuoteSort sort) noexcept {
  return sort == QuoteSort::position ? QuoteSort::name : static_cast<QuoteSort>(static_cast<int>(sort) + 1);
}

Frame render_frame(const CoreSample& now, const CoreSample& earlier, const FrameOptions& options) {
  return Page(now, earlier, options).render();
}

}  // namespace thintail
