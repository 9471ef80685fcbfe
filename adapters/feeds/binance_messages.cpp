// SPDX-License-Identifier: Apache-2.0
#include "adapters/feeds/binance_messages.hpp"

#include <simdjson.h>

#include <algorithm>
#include <deque>
#include <utility>

#include "adapters/feeds/row_fields.hpp"

namespace thintail {
namespace {

namespace ondemand = simdjson::ondemand;
static_assert(BinanceMessages::kPaddingBytes >= simdjson::SIMDJSON_PADDING);

struct Level {
  std::int64_t price_e9;
  float size;
  Side side;
};

struct Update {
  std::uint64_t sequence;
  std::uint64_t previous;
  std::int64_t venue_ns;
  std::vector<Level> levels;
};

// The keys of all messages; a bit each in Fields::present. `b` and `a` are prices in one message and levels in another.
enum Key : std::uint32_t {
  kEvent = 1u << 0,
  kEventTime = 1u << 1,
  kTradeTime = 1u << 2,
  kSymbol = 1u << 3,
  kFirstId = 1u << 4,
  kLastId = 1u << 5,
  kPreviousId = 1u << 6,
  kSnapshotId = 1u << 7,
  kTradeId = 1u << 8,
  kBids = 1u << 9,
  kAsks = 1u << 10,
  kBidPrice = 1u << 11,
  kAskPrice = 1u << 12,
  kBidSize = 1u << 13,
  kAskSize = 1u << 14,
  kPrice = 1u << 15,
  kSize = 1u << 16,
  kMaker = 1u << 17,
  kData = 1u << 18,
};

struct Fields {
  std::uint32_t present = 0;
  bool is_wrapped = false;
  std::string_view event;
  std::string_view symbol;
  std::uint64_t event_time = 0, trade_time = 0;
  std::uint64_t first_id = 0, last_id = 0, previous_id = 0, snapshot_id = 0, trade_id = 0;
  std::int64_t price_e9 = 0, bid_e9 = 0, ask_e9 = 0;
  float size = 0.0F, bid_size = 0.0F, ask_size = 0.0F;
  bool is_buyer_maker = false;

  bool has(std::uint32_t keys) const noexcept { return (present & keys) == keys; }
};

// A name for the first key of `wanted` that is missing.
std::string_view missing_key(std::uint32_t wanted, std::uint32_t present) noexcept {
  constexpr std::pair<Key, std::string_view> kNames[] = {
      {kEvent, "e"},    {kEventTime, "E"}, {kTradeTime, "T"},   {kSymbol, "s"},
      {kFirstId, "U"},  {kLastId, "u"},    {kPreviousId, "pu"}, {kSnapshotId, "lastUpdateId"},
      {kTradeId, "t"},  {kBids, "bids"},   {kAsks, "asks"},     {kBidPrice, "b"},
      {kAskPrice, "a"}, {kBidSize, "B"},   {kAskSize, "A"},     {kPrice, "p"},
      {kSize, "q"},     {kMaker, "m"},     {kData, "data"}};
  for (const auto& [key, name] : kNames) {
    if ((wanted & key) != 0 && (present & key) == 0) return name;
  }
  return {};
}

// A size in f32, from its digits: exact integers in 1e-9, rounded once. Beyond 9.2e9 (there are coins of which that much rests at a
// price) what follows the point no longer shows in an f32, and is left out.
bool parse_size(std::string_view text, float& out) noexcept {
  std::int64_t size_e9 = 0;
  switch (parse_decimal_e9(text, size_e9)) {
    case DecimalFault::none: out = static_cast<float>(static_cast<double>(size_e9) / 1e9); return size_e9 >= 0;
    case DecimalFault::out_of_range: {
      std::int64_t whole = 0;
      if (!parse_digits(text.substr(0, text.find('.')), whole)) return false;
      out = static_cast<float>(whole);
      return true;
    }
    default: return false;
  }
}

// Milliseconds, or microseconds where the connection asked for them: beyond the year 5138 a number cannot be the former.
bool epoch_ns(std::uint64_t time, std::int64_t& out_ns) noexcept {
  constexpr std::uint64_t kMsMax = 100'000'000'000'000;
  constexpr std::uint64_t kUsMax = 9'000'000'000'000'000;
  if (time > kUsMax) return false;
  const auto value = static_cast<std::int64_t>(time);
  if (time >= kMsMax) {
    out_ns = value * 1'000;
    return true;
  }
  if (value > std::numeric_limits<std::int64_t>::max() / kNsPerMs) return false;
  out_ns = value * kNsPerMs;
  return true;
}

bool is_key(const char* raw, std::string_view name) noexcept {
  // A key ends with its quote, and padding lies behind the last one: reading this far is safe.
  return std::string_view(raw, name.size()) == name && raw[name.size()] == '"';
}

}  // namespace

struct BinanceMessages::Impl {
  std::string symbol;
  InstrumentId instrument;
  ondemand::parser parser{};
  Fields fields{};
  std::vector<Level> levels{};  // of the message
  std::deque<Update> kept{};  // oldest first
  std::size_t levels_kept = 0;
  RowFault fault{};

  bool refuse(std::string_view field, std::string_view expected, std::string_view found) noexcept {
    fault = {.field = field, .expected = expected, .found = found};
    return false;
  }
  bool refuse(std::string_view field, std::string_view expected, simdjson::error_code status) noexcept {
    return refuse(field, expected, simdjson::error_message(status));
  }

  bool read_text(ondemand::value value, std::string_view name, std::string_view& out) {
    const auto status = value.get_string().get(out);
    return status == simdjson::SUCCESS || refuse(name, "a string", status);
  }
  bool read_id(ondemand::value value, std::string_view name, std::uint64_t& out) {
    const auto status = value.get_uint64().get(out);
    return status == simdjson::SUCCESS || refuse(name, "an integer of at most 64 bits", status);
  }
  bool read_price(ondemand::value value, std::string_view name, std::int64_t& out_e9) {
    std::string_view text;
    return read_text(value, name, text) && parse_price(text, name, out_e9, fault);
  }
  bool read_size(ondemand::value value, std::string_view name, float& out) {
    std::string_view text;
    if (!read_text(value, name, text)) return false;
    return parse_size(text, out) || refuse(name, "a size of at most 9 decimal places", text);
  }

  // [["61800.20","2.909"], ...]
  bool read_levels(ondemand::value value, std::string_view name, Side side) {
    ondemand::array rows;
    auto status = value.get_array().get(rows);
    if (status != simdjson::SUCCESS) return refuse(name, "an array of levels", status);
    for (auto row : rows) {
      ondemand::array pair;
      status = row.get_array().get(pair);
      if (status != simdjson::SUCCESS) return refuse(name, "a level [price, size]", status);
      Level level{.price_e9 = 0, .size = 0.0F, .side = side};
      std::size_t items = 0;
      for (auto item : pair) {
        ondemand::value cell;
        status = std::move(item).get(cell);
        if (status != simdjson::SUCCESS) return refuse(name, "a level [price, size]", status);
        if (items == 0 ? !read_price(cell, name, level.price_e9) : items == 1 && !read_size(cell, name, level.size)) {
          return false;
        }
        if (++items > 2) return refuse(name, "a level [price, size]", "a level of more than two");
      }
      if (items != 2) return refuse(name, "a level [price, size]", "a level of fewer than two");
      levels.push_back(level);
    }
    return true;
  }

  // Either a price, or levels: a spot bookTicker has no name that would say which.
  bool read_side(ondemand::value value, std::string_view name, Side side) {
    ondemand::json_type type{};
    const auto status = value.type().get(type);
    if (status != simdjson::SUCCESS) return refuse(name, "a price or levels", status);
    const bool is_bid = side == Side::buy;
    if (type == ondemand::json_type::array) {
      fields.present |= is_bid ? kBids : kAsks;
      return read_levels(value, name, side);
    }
    fields.present |= is_bid ? kBidPrice : kAskPrice;
    return read_price(value, name, is_bid ? fields.bid_e9 : fields.ask_e9);
  }

  bool read_field(const char* key, ondemand::value value) {
    const auto mark = [this](Key bit) { fields.present |= bit; };
    if (key[0] != '\0' && key[1] == '"') {
      switch (key[0]) {
        case 'e': return mark(kEvent), read_text(value, "e", fields.event);
        case 'E': return mark(kEventTime), read_id(value, "E", fields.event_time);
        case 'T': return mark(kTradeTime), read_id(value, "T", fields.trade_time);
        case 's': return mark(kSymbol), read_text(value, "s", fields.symbol);
        case 'U': return mark(kFirstId), read_id(value, "U", fields.first_id);
        case 'u': return mark(kLastId), read_id(value, "u", fields.last_id);
        case 't': return mark(kTradeId), read_id(value, "t", fields.trade_id);
        case 'b': return read_side(value, "b", Side::buy);
        case 'a': return read_side(value, "a", Side::sell);
        case 'B': return mark(kBidSize), read_size(value, "B", fields.bid_size);
        case 'A': return mark(kAskSize), read_size(value, "A", fields.ask_size);
        case 'p': return mark(kPrice), read_price(value, "p", fields.price_e9);
        case 'q': return mark(kSize), read_size(value, "q", fields.size);
        case 'm': {
          const auto status = value.get_bool().get(fields.is_buyer_maker);
          return mark(kMaker), status == simdjson::SUCCESS || refuse("m", "true or false", status);
        }
        default: return true;  // X, M and what the venue adds one day
      }
    }
    if (is_key(key, "pu")) return mark(kPreviousId), read_id(value, "pu", fields.previous_id);
    if (is_key(key, "lastUpdateId")) return mark(kSnapshotId), read_id(value, "lastUpdateId", fields.snapshot_id);
    if (is_key(key, "bids")) return mark(kBids), read_levels(value, "bids", Side::buy);
    if (is_key(key, "asks")) return mark(kAsks), read_levels(value, "asks", Side::sell);
    return true;
  }

  bool read_object(ondemand::object object, bool is_outer) {
    for (auto item : object) {
      ondemand::field field;
      auto status = std::move(item).get(field);
      if (status != simdjson::SUCCESS) return refuse("message", "a JSON object", status);
      const char* const key = field.key().raw();
      ondemand::value value = field.value();
      if (is_outer && is_key(key, "data")) {
        ondemand::object data;
        status = value.get_object().get(data);
        if (status != simdjson::SUCCESS) return refuse("data", "a JSON object", status);
        fields.present |= kData;
        fields.is_wrapped = true;
        if (!read_object(data, false)) return false;
      } else if (!read_field(key, value)) {
        return false;
      }
    }
    return true;
  }

  bool read(std::string_view json) {
    fields = {};
    levels.clear();
    fault = {};
    ondemand::document document;
    auto status = parser.iterate(json.data(), json.size(), json.size() + kPaddingBytes).get(document);
    if (status != simdjson::SUCCESS) return refuse("message", "a JSON object", status);
    ondemand::object object;
    status = document.get_object().get(object);
    if (status != simdjson::SUCCESS) return refuse("message", "a JSON object", status);
    if (!read_object(object, true)) return false;
    if (document.current_location().error() != simdjson::OUT_OF_BOUNDS) {
      return refuse("message", "one JSON object", "more behind its end");
    }
    return true;
  }

  bool require(std::uint32_t keys) noexcept {
    const std::string_view missing = missing_key(keys, fields.present);
    return missing.empty() || refuse(missing, "a value", "none");
  }

  bool check_symbol() noexcept { return fields.symbol == symbol || refuse("s", symbol, fields.symbol); }

  // T, else E, else `receive_ns`.
  bool venue_ns(std::int64_t receive_ns, std::int64_t& out_ns) noexcept {
    out_ns = receive_ns;
    const bool is_trade_time = fields.has(kTradeTime);
    if (!is_trade_time && !fields.has(kEventTime)) return true;
    return epoch_ns(is_trade_time ? fields.trade_time : fields.event_time, out_ns) ||
           refuse(is_trade_time ? "T" : "E", "milli- or microseconds since 1970", "a number beyond them");
  }

  void add_run(const Update& update, unsigned flags, std::int64_t receive_ns, std::vector<Event>& out) const {
    const auto add = [&](const Level& level, unsigned more) {
      out.push_back(Event::make(
          receive_ns, instrument,
          Book{level.price_e9, update.venue_ns, update.sequence, level.size, level.side, {}, update.previous},
          flags | more));
    };
    if (update.levels.empty()) add({0, 0.0F, Side::none}, 0);
    for (std::size_t i = 0; i < update.levels.size(); ++i) {
      add(update.levels[i], i + 1 < update.levels.size() ? unsigned{kFlagMore} : 0U);
    }
  }

  BinanceMessage take_tick(std::int64_t receive_ns, std::vector<Event>& out) {
    Tick tick{};
    if (!require(kSymbol | kLastId | kBidPrice | kBidSize | kAskPrice | kAskSize) || !check_symbol() ||
        !venue_ns(receive_ns, tick.venue_ns)) {
      return BinanceMessage::refused;
    }
    tick.bid_e9 = fields.bid_e9;
    tick.ask_e9 = fields.ask_e9;
    tick.bid_size = fields.bid_size;
    tick.ask_size = fields.ask_size;
    tick.source_sequence = fields.last_id;
    out.push_back(Event::make(receive_ns, instrument, tick));
    return BinanceMessage::tick;
  }

  BinanceMessage take_trade(std::int64_t receive_ns, std::vector<Event>& out) {
    Trade trade{};
    if (!require(kSymbol | kTradeId | kPrice | kSize | kMaker) || !check_symbol() ||
        !venue_ns(receive_ns, trade.venue_ns)) {
      return BinanceMessage::refused;
    }
    trade.price_e9 = fields.price_e9;
    trade.size = fields.size;
    trade.aggressor = fields.is_buyer_maker ? Side::sell : Side::buy;
    trade.source_sequence = fields.trade_id;
    out.push_back(Event::make(receive_ns, instrument, trade));
    return BinanceMessage::trade;
  }

  BinanceMessage take_update(std::int64_t receive_ns, std::vector<Event>& out) {
    Update update{};
    if (!require(kSymbol | kFirstId | kLastId | kBids | kAsks) || !check_symbol() ||
        !venue_ns(receive_ns, update.venue_ns)) {
      return BinanceMessage::refused;
    }
    if (fields.first_id > fields.last_id || fields.first_id == 0) {
      refuse("U", "a first id from 1 to u", "another");
      return BinanceMessage::refused;
    }
    update.sequence = fields.last_id;
    update.previous = fields.has(kPreviousId) ? fields.previous_id : fields.first_id - 1;
    update.levels = levels;
    add_run(update, 0, receive_ns, out);
    levels_kept += update.levels.size();
    kept.push_back(std::move(update));
    while (kept.size() > kUpdatesKeptMax || (levels_kept > kLevelsKeptMax && kept.size() > 1)) {
      levels_kept -= kept.front().levels.size();
      kept.pop_front();
    }
    return BinanceMessage::book_update;
  }

  BinanceMessage take_snapshot(std::int64_t receive_ns, std::vector<Event>& out) {
    Update snapshot{};
    if (!require(kSnapshotId | kBids | kAsks) || !venue_ns(receive_ns, snapshot.venue_ns))
      return BinanceMessage::refused;
    if (fields.is_wrapped) {  // <s>@depth20 and the like: the best levels only, which no update follows on
      refuse("stream", "an update of the whole book", "a partial book");
      return BinanceMessage::refused;
    }
    snapshot.sequence = fields.snapshot_id;
    const auto next =
        std::ranges::find_if(kept, [&](const Update& update) { return update.sequence >= snapshot.sequence; });
    if (next != kept.end() && next->previous > snapshot.sequence) {
      refuse("lastUpdateId", "a snapshot that an update received so far follows on", "an older one");
      return BinanceMessage::refused;
    }
    snapshot.levels = std::move(levels);
    add_run(snapshot, kFlagSnapshot, receive_ns, out);
    for (auto update = next; update != kept.end(); ++update) add_run(*update, 0, receive_ns, out);
    return BinanceMessage::book_snapshot;
  }

  BinanceMessage take(std::string_view json, std::int64_t receive_ns, std::vector<Event>& out) {
    if (!read(json)) return BinanceMessage::refused;
    if (fields.has(kEvent)) {
      if (fields.event == "bookTicker") return take_tick(receive_ns, out);
      if (fields.event == "trade") return take_trade(receive_ns, out);
      if (fields.event == "depthUpdate") return take_update(receive_ns, out);
      refuse("e", "bookTicker, trade or depthUpdate", fields.event);
      return BinanceMessage::refused;
    }
    if (fields.has(kSnapshotId)) return take_snapshot(receive_ns, out);
    if (fields.has(kLastId | kBidPrice)) return take_tick(receive_ns, out);
    refuse("message", "a bookTicker, trade, depthUpdate or depth snapshot", "none of their keys");
    return BinanceMessage::refused;
  }
};

BinanceMessages::BinanceMessages(std::string symbol, InstrumentId instrument)
    : impl_(new Impl{.symbol = std::move(symbol), .instrument = instrument}) {}
BinanceMessages::~BinanceMessages() = default;
BinanceMessages::BinanceMessages(BinanceMessages&&) noexcept = default;

BinanceMessage BinanceMessages::take(std::string_view json, std::int64_t receive_ns, std::vector<Event>& out,
                                     RowFault& fault) {
  const BinanceMessage message = impl_->take(json, receive_ns, out);
  if (message == BinanceMessage::refused) fault = impl_->fault;
  return message;
}

}  // namespace thintail
