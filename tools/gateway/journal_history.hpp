// SPDX-License-Identifier: Apache-2.0
// JournalHistory: what the journals of an instance hold of the past, in pages that go back in time; for what the gateway's memory has let go.
//   path     cold: a page reads at most kPageBytes of journal
//   threads  any number; each call opens the files anew
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/bars/bar_builder.hpp"
#include "core/base/error.hpp"
#include "core/base/hash.hpp"
#include "core/event/event.hpp"
#include "tools/gateway/core_model.hpp"

namespace thintail::gateway {

using TimeSpan = std::pair<std::int64_t, std::int64_t>;  // ns

template <class Row>
struct HistoryPage {
  std::vector<Row> rows;  // ascending
  bool has_more = false;  // older journal was left unread
  std::uint64_t resume = 0;  // where the next page goes on, if it has_more: rows before this
  std::optional<Error> fault;  // why rows may be missing: a journal that was taken away or is damaged
  std::vector<TimeSpan> gaps;  // engine time in which ticks never reached the engine, of the journal that was read
};

struct JournalSession {
  std::uint32_t epoch = 0;
  std::int64_t created_ns = 0;
  std::optional<std::int64_t> ended_ns;  // of the last event
  bool is_closed = false;
  std::uint64_t events = 0;
  std::uint64_t bytes = 0;
  std::string path;
};

// How much of a run was read for a moment in it.
struct RunRead {
  std::uint32_t epoch = 0;
  std::uint64_t last_sequence = 0;
  std::int64_t last_ns = 0;
};

class JournalHistory {
 public:
  static constexpr std::uint64_t kPageBytes = 512u << 20;

  // `folder`: of the instance; it need not be there.
  explicit JournalHistory(std::string folder) : folder_(std::move(folder)) {}

  // The newest `bytes_max` of all journals' events, in order, each file's beginning (its instruments) included. Returns how many. What a
  // file that was taken away or is damaged held is passed over and told in `faults`.
  Result<std::uint64_t> replay_tail(std::uint64_t bytes_max, const std::function<bool(const Event&)>& take,
                                    std::vector<Error>* faults = nullptr) const;

  // The newest run that goes on at `until_ns` (engine time), from its beginning up to and including that time; `take` may end it early.
  // Of a run that is still being written: waits a moment for what is known to have happened, up to `newest_sequence`. Refused, naming what is
  // kept: a time of which no journal tells, damage before it, and more than `bytes_max` to read.
  Result<RunRead> replay_run(std::int64_t until_ns, std::uint64_t newest_sequence, std::uint64_t bytes_max,
                             const std::function<bool(const Event&)>& take) const;

  // The models that the newest `journals` begin with, the newest first; what cannot be read has none.
  std::vector<Sha256Digest> models_of_newest(std::size_t journals) const;

  // Bars that end after `from_ns` and before `end_ns`, the newest `limit` of them. `resume` is a time in ns.
  Result<HistoryPage<BarRow>> bars_before(std::string_view instrument, BarPeriod period, std::int64_t from_ns,
                                          std::int64_t end_ns, std::size_t limit) const;
  // Ticks of lower sequences and of times within [from_ns, to_ns], the newest `limit` of them. `resume` is a sequence.
  Result<HistoryPage<TickRow>> ticks_before(std::string_view instrument, std::uint64_t sequence, std::int64_t from_ns,
                                            std::int64_t to_ns, std::size_t limit) const;
  Result<std::vector<JournalSession>> sessions() const;  // oldest first
  const std::string& folder() const noexcept { return folder_; }

 private:
  // Blocks of all journals, newest first in chunks of ascending events; `visit` gets each chunk's events and says whether to go on.
  struct Walk {
    std::function<bool(const Event&)> is_too_new;  // and all after it in its journal are
    std::function<bool(const Event&)> is_too_old;  // and all before it in its journal are
    std::function<void(const Event&, std::uint32_t instrument)> take;
    std::function<void()> begin_chunk;
    std::function<bool()> has_enough;
  };
  struct WalkEnd {
    bool has_more = false;
    std::optional<Error> fault;
    std::vector<TimeSpan> gaps;
  };
  Result<WalkEnd> walk_back(std::string_view instrument, const Walk& walk, Event& oldest_seen) const;
  static bool lies_outside(const std::string& path, const Walk& walk);
  static Result<bool> walk_file(const std::string& path, std::string_view instrument, const Walk& walk,
                                std::uint64_t& read, Event& oldest_seen, WalkEnd& end);
  static Result<void> look_at_session(JournalSession& session);

  std::string folder_;
};

}  // namespace thintail::gateway
