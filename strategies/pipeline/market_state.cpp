// SPDX-License-Identifier: Apache-2.0
// MarketState: its snapshot.
#include "strategies/pipeline/market_state.hpp"

#include <fmt/format.h>

#include <cstring>
#include <type_traits>

namespace thintail {
namespace {

struct Header {
  static constexpr std::uint64_t kMagic = 0x31304b52'414d5454;  // "TTMARK01"
  std::uint64_t magic = kMagic;
  std::uint64_t bytes = 0;        // of the whole
  std::uint64_t instruments = 0;  // enabled ones
  std::uint64_t timer_cursor = 0;
  std::uint64_t venue_clamps = 0;
};

struct RowState {
  std::uint64_t id = 0;
  std::int64_t bid_e9 = 0;
  std::int64_t ask_e9 = 0;
  std::int64_t quote_ns = 0;
  std::int64_t venue_ns = 0;
  BarBuilder::State bars{};
};
static_assert(std::is_trivially_copyable_v<RowState> && std::is_trivially_copyable_v<OrderBook>,
              "a snapshot copies bytes");

template <class T>
void put(std::vector<std::byte>& out, const T& value) {
  out.resize(out.size() + sizeof value);
  std::memcpy(out.data() + out.size() - sizeof value, &value, sizeof value);
}

template <class T>
void take(std::span<const std::byte>& from, T& out) {
  std::memcpy(&out, from.data(), sizeof out);
  from = from.subspan(sizeof out);
}

}  // namespace

std::vector<std::byte> MarketState::snapshot() const {
  Header header{.timer_cursor = timer_cursor_, .venue_clamps = venue_clamps_};
  header.instruments = static_cast<std::uint64_t>(std::ranges::count_if(rows_, &Row::enabled));
  const std::size_t features_bytes = features_ ? features_->snapshot_bytes() : 0;
  const std::size_t book_bytes = books_.empty() ? 0 : sizeof(OrderBook);
  const std::size_t cross_bytes = cross_ ? cross_->snapshot_bytes() : 0;
  header.bytes = sizeof header + header.instruments * (sizeof(RowState) + book_bytes + features_bytes) + cross_bytes;
  std::vector<std::byte> out;
  out.reserve(header.bytes);
  put(out, header);
  for (InstrumentId id = 0; id < enabled_; ++id) {
    const Row& row = rows_[id];
    if (!row.enabled) continue;
    put(out, RowState{id, row.quote.bid_e9, row.quote.ask_e9, row.quote.time_ns, row.venue_ns, row.bars.snapshot()});
    if (book_bytes != 0) put(out, *books_[id]);
    out.resize(out.size() + features_bytes);
    if (features_) features_->snapshot(id, std::span(out).last(features_bytes));
  }
  out.resize(out.size() + cross_bytes);
  if (cross_) cross_->snapshot(std::span(out).last(cross_bytes));
  return out;
}

Result<void> MarketState::restore(std::span<const std::byte> bytes) {
  const auto refuse = [](std::string_view field, std::string expected, std::string found) {
    return fail({.code = ErrorCode::feature_state,
                 .doing = "restoring market state",
                 .field = std::string(field),
                 .expected = std::move(expected),
                 .found = std::move(found)});
  };
  Header header;
  if (bytes.size() < sizeof header) {
    return refuse("size", fmt::format("at least {} bytes", sizeof header), fmt::format("{}", bytes.size()));
  }
  take(bytes, header);
  if (header.magic != Header::kMagic) {
    return refuse("magic", fmt::format("{:#x}", Header::kMagic), fmt::format("{:#x}", header.magic));
  }
  const std::vector<std::byte> own = snapshot();
  Header mine;
  std::memcpy(&mine, own.data(), sizeof mine);
  if (header.instruments != mine.instruments || header.bytes != mine.bytes ||
      bytes.size() != header.bytes - sizeof header) {
    return refuse("size", fmt::format("{} bytes of {} instruments", mine.bytes, mine.instruments),
                  fmt::format("{} bytes of {}", bytes.size() + sizeof header, header.instruments));
  }
  const std::size_t features_bytes = features_ ? features_->snapshot_bytes() : 0;
  for (std::uint64_t i = 0; i < header.instruments; ++i) {
    RowState state;
    take(bytes, state);
    if (state.id >= rows_.size() || !rows_[state.id].enabled) {
      return refuse("instrument", "one that is enabled", fmt::format("{}", state.id));
    }
    const auto id = static_cast<InstrumentId>(state.id);
    Row& row = rows_[id];
    row.quote = {state.bid_e9, state.ask_e9, state.quote_ns};
    row.venue_ns = state.venue_ns;
    row.bars.restore(state.bars);
    if (!books_.empty()) {
      take(bytes, *books_[id]);
      if (!books_[id]->is_sound()) return refuse("book", "levels in order", "bytes that are no order book");
    }
    if (features_) TT_TRY_VOID(features_->restore(id, bytes.first(features_bytes)));
    bytes = bytes.subspan(features_bytes);
  }
  if (cross_ && !cross_->restore(bytes)) {
    return refuse("peers", "the state of these instruments' peers", "bytes that are none");
  }
  timer_cursor_ = header.timer_cursor;
  venue_clamps_ = header.venue_clamps;
  return {};
}

}  // namespace thintail
