// SPDX-License-Identifier: Apache-2.0
// HealthNote: a thread's own row of the health table, told at every turn of its loop and stored every few thousand, so
// that monitors cost it nothing.
//   path     hot: turn()
//   threads  the one whose row it is
#pragma once

#include <cstdint>
#include <string_view>

#include "core/base/attributes.hpp"
#include "core/time/engine_clock.hpp"
#include "shm/tables/rows.hpp"
#include "shm/tables/table.hpp"

namespace thintail::shm {

class HealthNote {
 public:
  HealthNote(Table<HealthRow>& table, std::uint64_t row, std::string_view name, int cpu, const EngineClock& clock)
      : cell_(&table[row]), clock_(&clock), row_{Text<16>::of(name), cpu, ThreadState::running, 0, 0, 0} {
    cell_->store(row_);
  }
  TT_HOT void turn(std::uint32_t work) noexcept {
    row_.work_count += work;
    row_.idle_count += work == 0;
    if ((++turns_ & 0xfff) != 0 && !(work == 0 && was_busy_)) return;
    was_busy_ = work != 0;
    store();
  }
  void end(ThreadState state) noexcept {
    row_.state = state;
    store();
  }

 private:
  void store() noexcept {
    if (row_.work_count != stored_work_) row_.last_progress_ns = clock_->now_ns();
    stored_work_ = row_.work_count;
    cell_->store(row_);
  }

  SeqCell<HealthRow>* cell_;
  const EngineClock* clock_;
  HealthRow row_;
  std::uint64_t stored_work_ = 0;
  std::uint64_t turns_ = 0;
  bool was_busy_ = true;
};

}  // namespace thintail::shm
