// SPDX-License-Identifier: Apache-2.0
#include "tools/gateway/bar_store.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <set>
#include <system_error>

#include "adapters/feeds/bar_file.hpp"
#include "adapters/feeds/bar_reader.hpp"
#include "adapters/journal/unique_fd.hpp"
#include "core/bars/bar_resampler.hpp"
#include "core/base/hash.hpp"
#include "core/log/log.hpp"
#include "core/thread/affinity.hpp"

namespace thintail::gateway {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::size_t kFilesMax = 10'000;

struct FileHead {
  std::array<char, 8> magic{'T', 'T', 'B', 'A', 'R', 'S', '0', '1'};
  std::uint32_t period = 0;
  std::uint32_t record_bytes = 0;
  std::array<char, 112> instrument{};  // padded with zeros
};
static_assert(sizeof(FileHead) == 128);

struct Record {
  std::uint32_t end_s = 0;
  std::uint32_t reserved = 0;
  Ohlc bid{};
  Ohlc ask{};
};
static_assert(sizeof(Record) == 72);

Error io_error(std::string doing, const std::string& path, int fault) {
  return {.code = ErrorCode::file_unreadable,
          .doing = std::move(doing),
          .file = path,
          .found = std::generic_category().message(fault)};
}

Result<void> read_at(int fd, const std::string& path, void* into, std::size_t bytes, std::uint64_t offset) {
  auto* to = static_cast<char*>(into);
  while (bytes != 0) {
    const ssize_t got = ::pread(fd, to, bytes, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return fail(io_error("reading imported bars", path, got < 0 ? errno : EIO));
    to += got;
    offset += static_cast<std::uint64_t>(got);
    bytes -= static_cast<std::size_t>(got);
  }
  return {};
}

constexpr std::uint64_t offset_of(std::uint64_t index) noexcept { return sizeof(FileHead) + index * sizeof(Record); }

// How many records end before `end_ns`.
Result<std::uint64_t> count_before(int fd, const std::string& path, std::uint64_t count, std::int64_t end_ns) {
  std::uint64_t low = 0;
  std::uint64_t high = count;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    std::uint32_t end_s = 0;
    TT_TRY_VOID(read_at(fd, path, &end_s, sizeof end_s, offset_of(middle)));
    if (end_s * kSecondNs < end_ns) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

Result<UniqueFd> open_to_read(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return fail(io_error("opening imported bars", path, errno));
  return fd;
}

// The name of what a file is converted to: another one once the file, or whose bars it holds, is another.
std::string stem_of(const std::string& path, const std::string& instrument) {
  struct stat found{};
  if (::stat(path.c_str(), &found) != 0) return {};
  const std::string identity =
      fmt::format("{}\n{}\n{}\n{}.{:09}", path, instrument, found.st_size, found.st_mtim.tv_sec, found.st_mtim.tv_nsec);
  return fmt::format("{:016x}", xxh3(identity.data(), identity.size()));
}

std::string converted_name(const std::string& folder, const std::string& stem, std::size_t period) {
  return fmt::format("{}/{}-{}.ttbar", folder, stem, kBarPeriodNames[period]);
}

// Of a side: whether the bar has it.
bool has_side(const BarRow& row, QuoteSide side) noexcept {
  return (side == QuoteSide::ask || row.bid.open_e9 != 0) && (side == QuoteSide::bid || row.ask.open_e9 != 0);
}

}  // namespace

BarStore::BarStore(std::string folder, std::string state_folder, std::map<std::string, SourceSettings> sources)
    : folder_(std::move(folder)), state_folder_(std::move(state_folder)), sources_(std::move(sources)) {}

BarStore::~BarStore() { stop(); }

void BarStore::start() {
  thread_ = std::thread([this] {
    set_thread_name("bars");
    try {
      run();
    } catch (const std::exception& failure) {
      log::error("no more bar files are read: {}", failure.what());
    } catch (...) {
      log::error("no more bar files are read");
    }
  });
}

void BarStore::stop() {
  stops_.store(true, std::memory_order_relaxed);  // relaxed: the join orders what matters
  if (thread_.joinable()) thread_.join();
}

std::vector<std::string> BarStore::refused() const {
  const std::lock_guard lock(mutex_);
  return refused_;
}

void BarStore::run() {
  const auto refuse = [&](std::string why) {
    log::warn("bars: {}", why);
    const std::lock_guard lock(mutex_);
    refused_.push_back(std::move(why));
  };
  std::error_code fault;
  fs::create_directories(state_folder_, fault);
  std::set<std::pair<std::string, std::string>> files;  // path and instrument; "": its name tells
  const auto list = [&](const fs::path& folder, const std::string& instrument, auto&& enter) -> void {
    for (fs::directory_iterator at(folder, fault), end; !fault && at != end && files.size() < kFilesMax;
         at.increment(fault)) {
      const std::string name = at->path().filename().string();
      if (name.starts_with('.')) continue;
      if (at->is_directory(fault)) {
        if (instrument.empty()) enter(at->path(), name, enter);
      } else if (at->is_regular_file(fault)) {
        files.emplace(at->path().string(), instrument);
      }
      fault.clear();
    }
  };
  list(folder_, "", list);
  if (fault) refuse(fmt::format("{}: {}", folder_, fault.message()));
  for (const auto& [path, instrument] : files) {
    if (stops_.load(std::memory_order_relaxed)) return;  // relaxed: as in stop()
    if (const auto done = import(path, instrument); !done) refuse(done.error().message());
  }
  is_ready_.store(true, std::memory_order_release);  // B2: pairs B1
  // What was made of files that are gone, or were other ones.
  std::set<std::string> kept;
  {
    const std::lock_guard lock(mutex_);
    for (const Series& one : series_) kept.insert(one.path);
  }
  for (fs::directory_iterator at(state_folder_, fault), end; !fault && at != end; at.increment(fault)) {
    const std::string path = at->path().string();
    if (path.contains(".ttbar") && !kept.contains(path)) fs::remove(path, fault);
  }
}

Result<void> BarStore::import(const std::string& path, const std::string& named) {
  TT_TRY(const bool is_bars, is_bar_file(path, ""));
  if (!is_bars) return {};  // ticks, notes, whatever else lies there
  BarFileOptions options;
  options.instrument = named;
  options.sources = sources_;
  InstrumentTable instruments(4);
  TT_TRY(const BarFile file, identify_bar_file(path, options, instruments));
  const std::string instrument = instruments[file.instrument].name();
  const std::string stem = stem_of(path, instrument);
  const auto first = static_cast<std::size_t>(file.period);

  const auto add_series = [&]() -> Result<void> {
    std::vector<Series> made;
    for (std::size_t period = first; period < kBarPeriodCount; ++period) {
      TT_TRY(Series series, open_series(instrument, fs::path(path).filename().string(),
                                        converted_name(state_folder_, stem, period), static_cast<BarPeriod>(period)));
      made.push_back(std::move(series));
    }
    const std::lock_guard lock(mutex_);
    series_.insert(series_.end(), made.begin(), made.end());
    return {};
  };
  // The shortest period gets its name last: where that is there, all are.
  if (std::error_code fault; fs::exists(converted_name(state_folder_, stem, first), fault) && add_series()) return {};

  std::array<std::ofstream, kBarPeriodCount> out;
  for (std::size_t period = first; period < kBarPeriodCount; ++period) {
    out[period].open(converted_name(state_folder_, stem, period) + ".new", std::ios::binary | std::ios::trunc);
    FileHead head;
    head.period = static_cast<std::uint32_t>(period);
    head.record_bytes = sizeof(Record);
    std::ranges::copy(instrument.substr(0, head.instrument.size()), head.instrument.begin());
    out[period].write(reinterpret_cast<const char*>(&head), sizeof head);
  }
  TT_TRY(const auto reader, BarReader::open(file, instruments, false));
  BarResampler resampler(Zone::new_york(), file.period);
  const auto write = [&](const ClosedBar& bar, double) {
    const Record record{bar.end_s, 0, bar.bid, bar.ask};  // of a side that the file does not have: 0
    out[static_cast<std::size_t>(bar.period)].write(reinterpret_cast<const char*>(&record), sizeof record);
  };
  FileBar bar;
  while (!stops_.load(std::memory_order_relaxed) && reader->next(bar)) {  // relaxed: as in stop()
    resampler.add(bar.bar, kVolumeUnknown, write);
  }
  if (reader->error()) return fail(*reader->error());
  if (stops_.load(std::memory_order_relaxed)) return {};  // relaxed: as in stop()
  for (std::size_t period = kBarPeriodCount; period-- > first;) {
    const std::string name = converted_name(state_folder_, stem, period);
    out[period].close();
    std::error_code fault;
    if (out[period]) fs::rename(name + ".new", name, fault);
    if (!out[period] || fault) {
      return fail({.code = ErrorCode::file_unwritable,
                   .doing = fmt::format("converting the bars of {}", path),
                   .file = name,
                   .found = fault ? fault.message() : "it could not be written"});
    }
  }
  TT_TRY_VOID(add_series());
  const BarStats& stats = reader->stats();
  log::info("bars: {} of {} from {}, {} rows passed over", stats.bars, instrument, path, stats.rows - stats.bars);
  return {};
}

Result<BarStore::Series> BarStore::open_series(std::string instrument, std::string source, std::string path,
                                               BarPeriod period) {
  TT_TRY(const UniqueFd fd, open_to_read(path));
  struct stat found{};
  if (::fstat(fd.get(), &found) != 0) return fail(io_error("reading imported bars", path, errno));
  const auto bytes = static_cast<std::uint64_t>(found.st_size);
  Series series{std::move(instrument), std::move(source), std::move(path), period};
  series.count = (bytes - std::min<std::uint64_t>(bytes, sizeof(FileHead))) / sizeof(Record);
  if (series.count == 0) return series;
  TT_TRY_VOID(read_at(fd.get(), series.path, &series.first_end_s, sizeof series.first_end_s, offset_of(0)));
  TT_TRY_VOID(
      read_at(fd.get(), series.path, &series.last_end_s, sizeof series.last_end_s, offset_of(series.count - 1)));
  return series;
}

Result<ImportedPage> BarStore::bars_before(std::string_view instrument, BarPeriod period, QuoteSide side,
                                           std::int64_t from_ns, std::int64_t end_ns, std::size_t limit) const {
  struct Wanted {
    Series series;
    std::size_t rank = 0;  // the one that was listed first has the lowest
  };
  std::vector<Wanted> wanted;
  {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < series_.size(); ++i) {
      const Series& one = series_[i];
      const bool is_within = one.last_end_s * kSecondNs > from_ns && one.first_end_s * kSecondNs < end_ns;
      if (one.count != 0 && is_within && one.period == period && one.instrument == instrument)
        wanted.push_back({one, i});
    }
  }
  std::ranges::stable_sort(wanted, std::ranges::greater{}, [](const Wanted& one) { return one.series.last_end_s; });

  constexpr std::size_t kNobody = std::numeric_limits<std::size_t>::max();
  struct Row {
    ImportedBar bar;
    std::size_t named_by = kNobody;  // ranks
    std::size_t bid_by = kNobody;
    std::size_t ask_by = kNobody;
  };
  std::map<std::uint32_t, Row> rows;
  const auto has_page_after = [&](std::uint32_t end_s) {
    if (rows.size() <= limit) return false;
    if (rows.begin()->first > end_s) return true;  // also where some lack the side: the page is then a shorter one
    std::size_t count = 0;
    for (auto row = rows.rbegin(); row != rows.rend() && row->first > end_s && count <= limit; ++row) {
      if (has_side(row->second.bar.row, side)) ++count;
    }
    return count > limit;
  };
  std::uint32_t complete_from_s = 0;  // no series was cut off after it
  for (const auto& [one, rank] : wanted) {
    // The newest come first: what is left ends by then, and no row of it would be on the page.
    if (one.last_end_s < complete_from_s || has_page_after(one.last_end_s)) {
      complete_from_s = std::max(complete_from_s, one.last_end_s + 1);
      break;
    }
    TT_TRY(const UniqueFd fd, open_to_read(one.path));
    TT_TRY(const std::uint64_t end, count_before(fd.get(), one.path, one.count, end_ns));
    // One more than is wanted tells whether there are more.
    const std::uint64_t count = std::min<std::uint64_t>(end, limit + 1);
    if (count == 0) continue;
    std::vector<Record> records(count);
    TT_TRY_VOID(read_at(fd.get(), one.path, records.data(), count * sizeof(Record), offset_of(end - count)));
    if (count < end) complete_from_s = std::max(complete_from_s, records.front().end_s);
    for (const Record& record : records) {
      if (record.end_s * kSecondNs <= from_ns || record.end_s < complete_from_s) continue;
      Row& row = rows[record.end_s];
      row.bar.row.end_s = record.end_s;
      if (rank < row.named_by) {
        row.named_by = rank;
        row.bar.source = one.source;
      }
      // Files of one side each complete each other; of two that tell the same side, the one that was listed first counts.
      if (record.bid.open_e9 != 0 && rank < row.bid_by) {
        row.bid_by = rank;
        row.bar.row.bid = record.bid;
      }
      if (record.ask.open_e9 != 0 && rank < row.ask_by) {
        row.ask_by = rank;
        row.bar.row.ask = record.ask;
      }
    }
  }
  ImportedPage page;
  for (auto& [end_s, row] : rows) {
    if (end_s >= complete_from_s && has_side(row.bar.row, side)) page.rows.push_back(std::move(row.bar));
  }
  page.has_more = page.rows.size() > limit || (complete_from_s != 0 && complete_from_s * kSecondNs > from_ns);
  if (page.rows.size() > limit) {
    page.rows.erase(page.rows.begin(), page.rows.end() - static_cast<std::ptrdiff_t>(limit));
  }
  page.resume_ns = page.rows.empty() ? complete_from_s * kSecondNs : page.rows.front().row.end_s * kSecondNs;
  return page;
}

}  // namespace thintail::gateway
