// SPDX-License-Identifier: Apache-2.0
// history_page: the newest 10,000 one-minute bars, of a year of them that the journal holds, and the page before, which the gateway
// reads from the journal; what it holds in memory more after both. Control: nginx serving the same bytes as a file.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "adapters/journal/journal_writer.hpp"
#include "bench/gateway/load.hpp"
#include "bench/gateway/suite.hpp"
#include "bench/harness/pinned.hpp"
#include "core/bars/bar_builder.hpp"
#include "core/base/whole_file.hpp"
#include "core/event/payloads.hpp"
#include "core/price/decimal.hpp"
#include "strategies/pipeline/preamble.hpp"

namespace thintail::bench {
namespace {

constexpr std::uint64_t kRepetitions = 20;
constexpr std::uint64_t kDays = 365;
constexpr std::uint64_t kDaysQuick = 20;  // with --iterations
constexpr std::size_t kRows = 10'000;
constexpr std::int64_t kMinute = 60;
constexpr std::int64_t kMonday = 1'704'067'200;  // 2024-01-01, a Monday
constexpr const char* kFileOfNginx = "nginx, the same bytes from a file";

// The end of the n-th minute of weekdays from kMonday on.
std::int64_t end_s_of(std::uint64_t number) noexcept {
  constexpr std::uint64_t kMinutesADay = 1'440;
  const std::uint64_t day = number / kMinutesADay;
  return kMonday + static_cast<std::int64_t>(day / 5 * 7 + day % 5) * 86'400 +
         static_cast<std::int64_t>(number % kMinutesADay + 1) * kMinute;
}

std::uint64_t minutes_in(std::uint64_t days) noexcept { return days * 5 / 7 * 1'440; }

Bar bar_of(std::uint64_t number, QuoteSide side) noexcept {
  const auto wave = static_cast<std::int64_t>(number * 7'919 % 50'021) * 1'000'000;
  const std::int64_t open_e9 = 2'400'000'000'000 + wave + (side == QuoteSide::ask ? 216'000'000 : 0);
  return {open_e9,
          open_e9 + 900'000'000,
          open_e9 - 700'000'000,
          open_e9 + 100'000'000,
          static_cast<std::uint32_t>(end_s_of(number)),
          Bar::pack(static_cast<std::uint32_t>(number % 400 + 1), 0, side)};
}

// A journal of epoch 1 with a year's bars. Returns its last sequence.
Result<std::uint64_t> write_year(const Scratch& disk, std::uint64_t minutes) {
  JournalOptions options;
  options.directory = disk.file("journal");
  options.instance = kInstance;
  options.created_ns = end_s_of(0) * 1'000'000'000;
  TT_TRY(JournalWriter writer, JournalWriter::create(options));
  std::uint64_t sequence = 0;
  const auto append = [&](const Event& made) -> Result<void> {
    Event event = made;
    event.sequence = ++sequence;
    if (writer.append(event)) return {};
    TT_TRY_VOID(writer.flush_and_wait());
    if (writer.append(event)) return {};
    return fail({.code = ErrorCode::journal_io, .doing = "writing a year of bars", .found = "no room after a flush"});
  };
  InstrumentTable instruments(4);
  TT_TRY_VOID(instruments.add({.symbol = "XAUUSD",
                               .venue = "bench",
                               .base = "XAU",
                               .quote = "USD",
                               .digits = BenchCore::kDigits,
                               .tick_size_e9 = 1'000'000,
                               .lot_step_e9 = 1'000'000'000,
                               .contract_size_e9 = 1'000'000'000,
                               .calendar = CalendarId::always}));
  const std::int64_t begin_ns = kMonday * 1'000'000'000;
  for (const Event& event : to_events(make_preamble(Settings{}, instruments, nullptr, 1), begin_ns, 0)) {
    TT_TRY_VOID(append(event));
  }
  for (std::uint64_t number = 0; number < minutes; ++number) {
    for (const QuoteSide side : {QuoteSide::bid, QuoteSide::ask}) {
      TT_TRY_VOID(append(Event::make(end_s_of(number) * 1'000'000'000, 0, bar_of(number, side), kFlagOutput)));
    }
  }
  TT_TRY_VOID(writer.close());
  return sequence;
}

// How many rows of a page are the journal's; `last` is the number of the page's newest bar.
std::uint64_t equal_rows(const nlohmann::json& page, std::uint64_t last, bool mutant) {
  if (!page.is_object() || !page.contains("items") || page["items"].size() != kRows) return 0;
  std::uint64_t equal = 0;
  const auto text = [](std::int64_t e9) { return format_decimal_e9(e9, BenchCore::kDigits); };
  std::uint64_t number = last - kRows;
  for (const auto& row : page["items"]) {
    const Bar bar = bar_of(++number, QuoteSide::bid);
    equal += row.value("end_ns", "") == fmt::format("{}", end_s_of(number) * 1'000'000'000 + (mutant ? 1 : 0)) &&
             row.value("open", "") == text(bar.open_e9) && row.value("high", "") == text(bar.high_e9) &&
             row.value("low", "") == text(bar.low_e9) && row.value("close", "") == text(bar.close_e9) &&
             row.value("ticks", std::uint32_t{0}) == bar.ticks();
  }
  return equal;
}

Result<double> timed_get(std::uint16_t port, const std::string& path, const std::string& token, HttpReply& reply) {
  const auto begin = std::chrono::steady_clock::now();
  TT_TRY(reply, http_get(port, path, token));
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
}

// As Stage::set(), over a journal that is there already.
Result<Stage> set_with_year(std::uint64_t minutes) {
  Stage stage;
  TT_TRY(Scratch memory, Scratch::create("/dev/shm"));
  stage.shm = std::make_unique<Scratch>(std::move(memory));
  TT_TRY(Scratch disk, Scratch::create(std::filesystem::temp_directory_path()));
  stage.disk = std::make_unique<Scratch>(std::move(disk));
  TT_TRY(const std::uint64_t last, write_year(*stage.disk, minutes));
  TT_TRY(stage.core, BenchCore::create(stage.shm->path().string(), 2, last + 1));
  TT_TRY(stage.gateway, GatewayProcess::start(stage.shm->path().string(), *stage.disk));
  // It answers from the first bar on that it has read; what is measured begins with the last one.
  const std::string newest = fmt::format("\"end_ns\":\"{}\"", end_s_of(minutes - 1) * 1'000'000'000);
  TT_TRY_VOID(await(
      [&] {
        stage.core->beat();
        const auto reply = stage.gateway->get("/api/v1/history/XAUUSD/M1?limit=1");
        return reply && reply->status == 200 && reply->body.contains(newest);
      },
      "the journal's last bar at the gateway"));
  return stage;
}

}  // namespace

Result<std::vector<CaseResult>> history_page(const Options& options) {
  const std::uint64_t minutes = minutes_in(options.iterations == 0 ? kDays : kDaysQuick);
  TT_TRY(const Stage stage, set_with_year(minutes));
  const Pinned pinned(cpu_share().clients);
  const GatewayProcess& gateway = *stage.gateway;
  const double before_mb = rss_mb(gateway.pid());
  const std::string newest_path = fmt::format("/api/v1/history/XAUUSD/M1?limit={}", kRows);
  HttpReply newest;
  TT_TRY(const double first_ms, timed_get(gateway.port(), newest_path, gateway.token(), newest));
  const auto newest_json = nlohmann::json::parse(newest.body, nullptr, false);
  const std::string cursor =
      newest_json.is_object() && newest_json.contains("next_cursor") && newest_json["next_cursor"].is_string()
          ? newest_json["next_cursor"].get<std::string>()
          : "";
  const double after_mb = rss_mb(gateway.pid());
  const std::string older_path = newest_path + "&cursor=" + cursor;
  HttpReply older;
  TT_TRY_VOID(timed_get(gateway.port(), older_path, gateway.token(), older));
  const double older_mb = rss_mb(gateway.pid());
  std::optional<PeerServer> nginx;
  if (!options.ours_alone) {
    const std::string file = stage.disk->file("page.json");
    TT_TRY_VOID(replace_file(file, newest.body, "keeping a page for nginx"));
    auto started = start_nginx(*stage.disk, 1, file);
    if (!started && started.error().code != ErrorCode::peer_absent) return fail(started.error());
    if (started) nginx.emplace(std::move(*started));
  }
  std::vector<double> newest_ms;
  std::vector<double> older_ms;
  std::vector<double> nginx_ms;
  HttpReply reply;
  for (std::uint64_t i = 0; i < std::min(kRepetitions, options.iterations_or(kRepetitions)); ++i) {
    stage.core->beat();
    TT_TRY(newest_ms.emplace_back(), timed_get(gateway.port(), newest_path, gateway.token(), reply));
    TT_TRY(older_ms.emplace_back(), timed_get(gateway.port(), older_path, gateway.token(), reply));
    if (nginx) {
      TT_TRY(nginx_ms.emplace_back(), timed_get(nginx->port, "/file", {}, reply));
    }
  }
  const std::string note = fmt::format(
      "{} bars in the journal; a connection of its own each time; {:.1f} MB of JSON; the very first took {:.1f} ms",
      minutes, static_cast<double>(newest.body.size()) / 1e6, first_ms);
  CaseResult page{.name = "history_page", .unit = "ms", .ours = stats_of(newest_ms), .target = "<= 200", .note = note};
  CaseResult before{
      .name = "history_page_older",
      .unit = "ms",
      .ours = stats_of(older_ms),
      .target = "<= 200",
      .note = "the page before the newest, of which the gateway reads all but 80 bars from the journal; " + note};
  std::vector<double> grown_mb{std::max(after_mb - before_mb, 0.001)};
  CaseResult memory{.name = "history_page_memory",
                    .unit = "MB",
                    .ours = stats_of(grown_mb),
                    .target = "<= 16",
                    .note = fmt::format(
                        "resident memory: {:.1f} MB before the first page, {:.1f} after it, {:.1f} after the older one",
                        before_mb, after_mb, older_mb)};
  memory.set_limit("resident before the first page", before_mb);
  if (options.ours_alone) {
    for (CaseResult* row : {&page, &before, &memory}) row->add_left_out(kFileOfNginx);
  } else {
    TT_TRY(std::string checked,
           all_equal(equal_rows(newest_json, minutes - 1, options.mutant), kRows, "bars with the journal's"));
    TT_TRY(std::string checked_older,
           all_equal(equal_rows(nlohmann::json::parse(older.body, nullptr, false), minutes - 1 - kRows, false), kRows,
                     "older bars with the journal's"));
    const Stats of_nginx = stats_of(nginx_ms);
    if (nginx) {
      page.add_peer(kFileOfNginx, of_nginx, std::move(checked));
      before.add_peer(kFileOfNginx, of_nginx, std::move(checked_older));
    } else {
      page.add_absent(kFileOfNginx, kNginxAbsent);
      before.add_absent(kFileOfNginx, kNginxAbsent);
    }
  }
  std::vector<CaseResult> results;
  for (CaseResult* row : {&page, &before, &memory}) results.push_back(std::move(*row));
  return results;
}

}  // namespace thintail::bench
