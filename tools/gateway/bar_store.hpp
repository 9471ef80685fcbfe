// SPDX-License-Identifier: Apache-2.0
// BarStore: bars of files that somebody put into a folder, for history before the journals. Each file is converted once, on a thread of its
// own, to fixed records by period in the gateway's state folder; a page is then a binary search and one read.
//   path     cold: a page reads its own rows and some twenty more, of no file that lies before it; no file is ever held in memory
//   threads  any
//
// FOLDER/FILE is of the instrument that its name tells, FOLDER/INSTRUMENT/FILE of that one ("XAUUSD@oanda"): whose bars they are is said,
// not guessed.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/bars/bar_builder.hpp"
#include "core/base/error.hpp"
#include "core/config/settings.hpp"
#include "tools/gateway/core_model.hpp"

namespace thintail::gateway {

struct ImportedBar {
  BarRow row;  // prices of a side that no file has are 0; ticks are not counted: 0
  std::string source;  // the file's name
};

struct ImportedPage {
  std::vector<ImportedBar> rows;  // ascending
  bool has_more = false;  // older ones are left
  std::int64_t resume_ns = 0;  // where the next page goes on, if it has_more: bars that end before this
};

class BarStore {
 public:
  // `sources`: clocks by file-name prefix, as the configuration's [sources].
  BarStore(std::string folder, std::string state_folder, std::map<std::string, SourceSettings> sources);
  ~BarStore();
  BarStore(const BarStore&) = delete;
  BarStore& operator=(const BarStore&) = delete;

  void start();  // converts what is new
  void stop();
  bool is_ready() const noexcept {
    return is_ready_.load(std::memory_order_acquire);  // B1: every file is listed; pairs B2
  }
  // Files that could not be used, each with its reason.
  std::vector<std::string> refused() const;

  // Bars of `side` that end after `from_ns` and before `end_ns`, the newest `limit` of them.
  Result<ImportedPage> bars_before(std::string_view instrument, BarPeriod period, QuoteSide side, std::int64_t from_ns,
                                   std::int64_t end_ns, std::size_t limit) const;

 private:
  struct Series {  // one period of one file
    std::string instrument;
    std::string source;
    std::string path;
    BarPeriod period{};
    std::uint64_t count = 0;
    std::uint32_t first_end_s = 0;
    std::uint32_t last_end_s = 0;
  };

  static Result<Series> open_series(std::string instrument, std::string source, std::string path, BarPeriod period);
  void run();
  Result<void> import(const std::string& path, const std::string& instrument);

  std::string folder_;
  std::string state_folder_;
  std::map<std::string, SourceSettings> sources_;
  mutable std::mutex mutex_;
  std::vector<Series> series_;
  std::vector<std::string> refused_;
  std::atomic<bool> stops_{false};
  std::atomic<bool> is_ready_{false};
  std::thread thread_;
};

}  // namespace thintail::gateway
