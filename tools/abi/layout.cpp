// SPDX-License-Identifier: Apache-2.0
#include "tools/abi/layout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "core/bars/bar_builder.hpp"
#include "core/base/assert.hpp"
#include "core/event/payload_fields.hpp"
#include "core/histogram/histogram.hpp"
#include "core/time/calendar.hpp"
#include "shm/control/control_layout.hpp"
#include "shm/segment/core_segment.hpp"
#include "strategies/risk/risk_gate.hpp"
#include "strategies/signal/signal_rule.hpp"
#include "tools/abi/reflect.hpp"
#include "tools/abi/sample.hpp"

namespace thintail::abi {

// --- what private members are called ---

#define TT_ABI_OPEN(Tag, member)          \
  struct Tag {                            \
    friend constexpr auto member_of(Tag); \
  };                                      \
  template struct Opened<Tag, &shm::member>;

TT_ABI_OPEN(GateConsumed, Gate::consumed_)
TT_ABI_OPEN(GateActive, Gate::active_)
TT_ABI_OPEN(GateName, Gate::name_)
TT_ABI_OPEN(StreamCapacity, Stream::capacity_)
TT_ABI_OPEN(StreamFirst, Stream::first_sequence_)
TT_ABI_OPEN(StreamHead, Stream::head_)
TT_ABI_OPEN(StreamRefused, Stream::refused_)
TT_ABI_OPEN(StreamGates, Stream::gates_)
TT_ABI_OPEN(QuoteVersion, SeqCell<shm::QuoteRow>::version_)
TT_ABI_OPEN(QuoteWords, SeqCell<shm::QuoteRow>::words_)
TT_ABI_OPEN(PositionVersion, SeqCell<shm::PositionRow>::version_)
TT_ABI_OPEN(PositionWords, SeqCell<shm::PositionRow>::words_)
TT_ABI_OPEN(HealthVersion, SeqCell<shm::HealthRow>::version_)
TT_ABI_OPEN(HealthWords, SeqCell<shm::HealthRow>::words_)
TT_ABI_OPEN(ProgressVersion, SeqCell<shm::ProgressRow>::version_)
TT_ABI_OPEN(ProgressWords, SeqCell<shm::ProgressRow>::words_)
TT_ABI_OPEN(RiskVersion, SeqCell<shm::RiskRow>::version_)
TT_ABI_OPEN(RiskWords, SeqCell<shm::RiskRow>::words_)
TT_ABI_OPEN(ModelVersion, SeqCell<shm::ModelRow>::version_)
TT_ABI_OPEN(ModelWords, SeqCell<shm::ModelRow>::words_)
TT_ABI_OPEN(GateCellVersion, SeqCell<shm::GateRow>::version_)
TT_ABI_OPEN(GateCellWords, SeqCell<shm::GateRow>::words_)
TT_ABI_OPEN(ReplyVersion, SeqCell<shm::CommandReply>::version_)
TT_ABI_OPEN(ReplyWords, SeqCell<shm::CommandReply>::words_)
TT_ABI_OPEN(TableRows, Table<shm::QuoteRow>::rows_)
TT_ABI_OPEN(AppendCount, AppendTable<shm::CounterRow>::count_)
TT_ABI_OPEN(AppendCapacity, AppendTable<shm::CounterRow>::capacity_)
TT_ABI_OPEN(CounterName, CounterRow::name_)
TT_ABI_OPEN(CounterValue, CounterRow::value_)
TT_ABI_OPEN(CounterReserved, CounterRow::reserved_)
TT_ABI_OPEN(RunDurable, RunStatus::durable_)
#undef TT_ABI_OPEN

struct HistogramTotal {
  friend constexpr auto member_of(HistogramTotal);
};
template struct Opened<HistogramTotal, &Histogram::total_ns_>;
struct HistogramMax {
  friend constexpr auto member_of(HistogramMax);
};
template struct Opened<HistogramMax, &Histogram::max_ns_>;
struct HistogramCounts {
  friend constexpr auto member_of(HistogramCounts);
};
template struct Opened<HistogramCounts, &Histogram::counts_>;

// --- what types are called ---

#define TT_ABI_NAME(Type, text)                     \
  template <>                                       \
  struct StructName<Type> {                         \
    static constexpr std::string_view kName = text; \
  };

TT_ABI_NAME(EventType, "EventType")
TT_ABI_NAME(EventFlag, "EventFlag")
TT_ABI_NAME(Side, "Side")
TT_ABI_NAME(QuoteSide, "QuoteSide")
TT_ABI_NAME(BarPeriod, "BarPeriod")
TT_ABI_NAME(PredictionState, "PredictionState")
TT_ABI_NAME(OrderKind, "OrderKind")
TT_ABI_NAME(OrderState, "OrderState")
TT_ABI_NAME(CommandKind, "CommandKind")
TT_ABI_NAME(ModelStage, "ModelStage")
TT_ABI_NAME(SessionState, "SessionState")
TT_ABI_NAME(CalendarId, "CalendarId")
TT_ABI_NAME(RiskRule, "RiskRule")
TT_ABI_NAME(SignalReason, "SignalReason")
TT_ABI_NAME(shm::SegmentState, "SegmentState")
TT_ABI_NAME(shm::ElementType, "ElementType")
TT_ABI_NAME(shm::QuoteFlag, "QuoteFlag")
TT_ABI_NAME(shm::GateFlag, "GateFlag")
TT_ABI_NAME(shm::ModelState, "ModelState")
TT_ABI_NAME(shm::CommandAnswer, "CommandAnswer")
TT_ABI_NAME(shm::ThreadState, "ThreadState")
TT_ABI_NAME(shm::RunPhase, "RunPhase")
TT_ABI_NAME(shm::Stage, "Stage")
TT_ABI_NAME(shm::Region, "Region")
TT_ABI_NAME(shm::Gate, "Gate")
TT_ABI_NAME(shm::SeqCell<shm::ProgressRow>, "ProgressCell")
TT_ABI_NAME(shm::SeqCell<shm::GateRow>, "GateCell")
TT_ABI_NAME(shm::SeqCell<shm::CommandReply>, "ReplyCell")
TT_ABI_NAME(shm::CommandQueue, "u8")
TT_ABI_NAME(shm::ControlHeader, "ControlHeader")
TT_ABI_NAME(shm::ControlSlot, "ControlSlot")
#undef TT_ABI_NAME

namespace {

// --- payloads: by the list that JSON and replay go by ---

// Names and forms as payload_fields.hpp gives them, with the unit that the C++ member bears in its name.
class PayloadVisitor {
 public:
  PayloadVisitor(const void* payload, Struct& out) noexcept : payload_(payload), out_(&out) {}

  template <class Form, class T>
  void operator()(std::string_view name, Form, const T& member) {
    add(std::string(name) + (std::is_same_v<Form, fields::Decimal> ? "_e9" : ""), form_of(Form{}), member);
  }
  template <class T>
  void operator()(std::string_view name, const fields::Choice&, const T& member) {
    add(std::string(name), "enum", member);
  }
  void operator()(std::string_view name, fields::Money, const std::uint64_t& low, const std::int64_t& high) {
    add(std::string(name) + "_low", "money_e18_low", low);
    add(std::string(name) + "_high", "money_e18_high", high);
  }

 private:
  static constexpr const char* form_of(fields::Decimal) { return "decimal_e9"; }
  static constexpr const char* form_of(fields::Ns) { return "ns"; }
  static constexpr const char* form_of(fields::Id) { return "id"; }
  static constexpr const char* form_of(fields::Number) { return "number"; }
  static constexpr const char* form_of(fields::Real) { return "real"; }
  static constexpr const char* form_of(fields::Hex) { return "hex"; }
  static constexpr const char* form_of(fields::Text) { return "text"; }
  static constexpr const char* form_of(fields::PackedBar) { return "packed_bar"; }
  static constexpr const char* form_of(fields::Reserved) { return "reserved"; }

  template <class T>
  void add(std::string name, std::string form, const T& member) {
    const auto offset = reinterpret_cast<const std::byte*>(&member) - static_cast<const std::byte*>(payload_);
    Field field = field_at<T>(std::move(name), static_cast<std::size_t>(offset));
    field.form = std::move(form);
    out_->fields.push_back(std::move(field));
  }

  const void* payload_;
  Struct* out_;
};

template <class P>
Struct payload_of(std::string name) {
  Struct out{.name = std::move(name),
             .size = sizeof(P),
             .alignment = alignof(P),
             .event_type = static_cast<int>(P::kType),
             .fields = {}};
  const P payload{};
  PayloadVisitor visitor(&payload, out);
  fields::visit(payload, visitor);
  return out;
}

// "instrument" to "Instrument": payloads are called as their event type.
std::string pascal_case(std::string_view name) {
  std::string out(name);
  out[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(out[0])));
  return out;
}

template <class... P>
void add_payloads(fields::PayloadList<P...>, std::vector<Struct>& out) {
  (out.push_back(payload_of<P>(pascal_case(enumerator_name<P::kType>()))), ...);
}

// --- the rest ---

template <class S>
Struct struct_of(std::string name, std::vector<Field> fields) {
  std::ranges::sort(fields, {}, &Field::offset);
  return {.name = std::move(name),
          .size = sizeof(S),
          .alignment = alignof(S),
          .event_type = -1,
          .fields = std::move(fields)};
}

// A SeqCell: its words are the row's.
template <class Row>
Struct cell_of(std::string name, const Field& version, const Field& words, std::string row_name) {
  Field row{.name = "row", .type = std::move(row_name), .offset = words.offset, .size = sizeof(Row)};
  row.atomic = true;
  return struct_of<shm::SeqCell<Row>>(std::move(name), {version, row});
}

#define TT_ABI_FIELD(Type, name) field(#name, &Type::name)

void add_segment_structs(std::vector<Struct>& out) {
  using shm::Region;
  using shm::SegmentHeader;
  out.push_back(struct_of<Region>("Region", {TT_ABI_FIELD(Region, name), TT_ABI_FIELD(Region, type),
                                             TT_ABI_FIELD(Region, element_bytes), TT_ABI_FIELD(Region, element_count),
                                             TT_ABI_FIELD(Region, offset_bytes), TT_ABI_FIELD(Region, size_bytes)}));
  out.push_back(struct_of<SegmentHeader>(
      "SegmentHeader",
      {TT_ABI_FIELD(SegmentHeader, magic), TT_ABI_FIELD(SegmentHeader, major), TT_ABI_FIELD(SegmentHeader, minor),
       TT_ABI_FIELD(SegmentHeader, header_bytes), TT_ABI_FIELD(SegmentHeader, state),
       TT_ABI_FIELD(SegmentHeader, epoch), TT_ABI_FIELD(SegmentHeader, layout_hash),
       TT_ABI_FIELD(SegmentHeader, segment_bytes), TT_ABI_FIELD(SegmentHeader, page_bytes),
       TT_ABI_FIELD(SegmentHeader, region_count), TT_ABI_FIELD(SegmentHeader, writer_pid),
       TT_ABI_FIELD(SegmentHeader, reserved), TT_ABI_FIELD(SegmentHeader, writer_start_ticks),
       TT_ABI_FIELD(SegmentHeader, boot_id), TT_ABI_FIELD(SegmentHeader, build_id),
       TT_ABI_FIELD(SegmentHeader, heartbeat_ns), TT_ABI_FIELD(SegmentHeader, regions)}));
}

void add_stream_structs(std::vector<Struct>& out) {
  out.push_back(
      struct_of<shm::Gate>("Gate", {field("consumed", member_of(GateConsumed{})),
                                    field("active", member_of(GateActive{})), field("name", member_of(GateName{}))}));
  out.push_back(struct_of<shm::Stream>(
      "Stream", {field("capacity", member_of(StreamCapacity{})), field("first_sequence", member_of(StreamFirst{})),
                 field("head", member_of(StreamHead{})), field("refused", member_of(StreamRefused{})),
                 field("gates", member_of(StreamGates{}))}));
  // The stream's cells are events whose first word is loaded and stored atomically (shm/stream/cell.hpp).
  Field sequence = TT_ABI_FIELD(Event, sequence);
  sequence.atomic = true;
  out.push_back(
      struct_of<Event>("Event", {sequence, TT_ABI_FIELD(Event, time_ns), TT_ABI_FIELD(Event, instrument),
                                 TT_ABI_FIELD(Event, type), TT_ABI_FIELD(Event, flags), TT_ABI_FIELD(Event, payload)}));
}

void add_table_structs(std::vector<Struct>& out) {
  using shm::GateRow;
  using shm::HealthRow;
  using shm::InstrumentNameRow;
  using shm::ModelRow;
  using shm::PositionRow;
  using shm::ProgressRow;
  using shm::QuoteRow;
  using shm::RiskRow;
  out.push_back(struct_of<shm::Table<QuoteRow>>("Table", {field("rows", member_of(TableRows{}))}));
  out.push_back(struct_of<shm::AppendTable<shm::CounterRow>>(
      "AppendTable", {field("count", member_of(AppendCount{})), field("capacity", member_of(AppendCapacity{}))}));
  out.push_back(struct_of<QuoteRow>(
      "QuoteRow", {TT_ABI_FIELD(QuoteRow, instrument), TT_ABI_FIELD(QuoteRow, flags), TT_ABI_FIELD(QuoteRow, bid_e9),
                   TT_ABI_FIELD(QuoteRow, ask_e9), TT_ABI_FIELD(QuoteRow, time_ns), TT_ABI_FIELD(QuoteRow, venue_ns),
                   TT_ABI_FIELD(QuoteRow, ticks)}));
  out.push_back(cell_of<QuoteRow>("QuoteCell", field("version", member_of(QuoteVersion{})),
                                  field("row", member_of(QuoteWords{})), "QuoteRow"));
  out.push_back(struct_of<PositionRow>("PositionRow",
                                       {TT_ABI_FIELD(PositionRow, instrument), TT_ABI_FIELD(PositionRow, reserved),
                                        TT_ABI_FIELD(PositionRow, quantity_e9), TT_ABI_FIELD(PositionRow, cost_low),
                                        TT_ABI_FIELD(PositionRow, cost_high), TT_ABI_FIELD(PositionRow, realised_low),
                                        TT_ABI_FIELD(PositionRow, realised_high), TT_ABI_FIELD(PositionRow, time_ns)}));
  out.push_back(cell_of<PositionRow>("PositionCell", field("version", member_of(PositionVersion{})),
                                     field("row", member_of(PositionWords{})), "PositionRow"));
  out.push_back(struct_of<RiskRow>(
      "RiskRow",
      {TT_ABI_FIELD(RiskRow, instrument), TT_ABI_FIELD(RiskRow, reserved0), TT_ABI_FIELD(RiskRow, position_e9),
       TT_ABI_FIELD(RiskRow, working_buy_e9), TT_ABI_FIELD(RiskRow, working_sell_e9),
       TT_ABI_FIELD(RiskRow, max_position_e9), TT_ABI_FIELD(RiskRow, max_order_quantity_e9),
       TT_ABI_FIELD(RiskRow, max_quote_age_ns), TT_ABI_FIELD(RiskRow, max_orders_per_second),
       TT_ABI_FIELD(RiskRow, orders_in_second), TT_ABI_FIELD(RiskRow, last_order_ns), TT_ABI_FIELD(RiskRow, time_ns),
       TT_ABI_FIELD(RiskRow, reserved)}));
  out.push_back(cell_of<RiskRow>("RiskCell", field("version", member_of(RiskVersion{})),
                                 field("row", member_of(RiskWords{})), "RiskRow"));
  out.push_back(struct_of<ModelRow>(
      "ModelRow", {TT_ABI_FIELD(ModelRow, slot), TT_ABI_FIELD(ModelRow, state), TT_ABI_FIELD(ModelRow, version),
                   TT_ABI_FIELD(ModelRow, reserved), TT_ABI_FIELD(ModelRow, sha256), TT_ABI_FIELD(ModelRow, time_ns)}));
  out.push_back(cell_of<ModelRow>("ModelCell", field("version", member_of(ModelVersion{})),
                                  field("row", member_of(ModelWords{})), "ModelRow"));
  out.push_back(struct_of<HealthRow>(
      "HealthRow", {TT_ABI_FIELD(HealthRow, name), TT_ABI_FIELD(HealthRow, cpu), TT_ABI_FIELD(HealthRow, state),
                    TT_ABI_FIELD(HealthRow, work_count), TT_ABI_FIELD(HealthRow, idle_count),
                    TT_ABI_FIELD(HealthRow, last_progress_ns)}));
  out.push_back(cell_of<HealthRow>("HealthCell", field("version", member_of(HealthVersion{})),
                                   field("row", member_of(HealthWords{})), "HealthRow"));
  out.push_back(struct_of<ProgressRow>(
      "ProgressRow",
      {TT_ABI_FIELD(ProgressRow, phase), TT_ABI_FIELD(ProgressRow, reserved), TT_ABI_FIELD(ProgressRow, inputs),
       TT_ABI_FIELD(ProgressRow, inputs_total), TT_ABI_FIELD(ProgressRow, first_time_ns),
       TT_ABI_FIELD(ProgressRow, time_ns), TT_ABI_FIELD(ProgressRow, end_time_ns)}));
  out.push_back(cell_of<ProgressRow>("ProgressCell", field("version", member_of(ProgressVersion{})),
                                     field("row", member_of(ProgressWords{})), "ProgressRow"));
  out.push_back(struct_of<GateRow>(
      "GateRow", {TT_ABI_FIELD(GateRow, flags), TT_ABI_FIELD(GateRow, last_rule), TT_ABI_FIELD(GateRow, intents),
                  TT_ABI_FIELD(GateRow, rejects), TT_ABI_FIELD(GateRow, last_reject_ns), TT_ABI_FIELD(GateRow, time_ns),
                  TT_ABI_FIELD(GateRow, reserved)}));
  out.push_back(cell_of<GateRow>("GateCell", field("version", member_of(GateCellVersion{})),
                                 field("row", member_of(GateCellWords{})), "GateRow"));
  out.push_back(struct_of<shm::RunStatus>("RunStatus",
                                          {TT_ABI_FIELD(shm::RunStatus, progress), TT_ABI_FIELD(shm::RunStatus, gate),
                                           field("durable", member_of(RunDurable{}))}));
  out.push_back(struct_of<InstrumentNameRow>(
      "InstrumentNameRow", {TT_ABI_FIELD(InstrumentNameRow, name), TT_ABI_FIELD(InstrumentNameRow, digits),
                            TT_ABI_FIELD(InstrumentNameRow, calendar), TT_ABI_FIELD(InstrumentNameRow, reserved),
                            TT_ABI_FIELD(InstrumentNameRow, tick_size_e9)}));
  out.push_back(struct_of<shm::CounterRow>(
      "CounterRow", {field("name", member_of(CounterName{})), field("value", member_of(CounterValue{})),
                     field("reserved", member_of(CounterReserved{}))}));
  out.push_back(struct_of<Histogram>(
      "Histogram", {field("total_ns", member_of(HistogramTotal{})), field("max_ns", member_of(HistogramMax{})),
                    field("counts", member_of(HistogramCounts{}))}));
}

// The control segment: a file of its own. The queue is Boost's, whose inner layout is no part of this.
void add_control_structs(std::vector<Struct>& out) {
  using shm::CommandReply;
  using shm::CommandRequest;
  using shm::ControlHeader;
  using shm::ControlLayout;
  using shm::ControlSlot;
  out.push_back(struct_of<ControlHeader>(
      "ControlHeader",
      {TT_ABI_FIELD(ControlHeader, magic), TT_ABI_FIELD(ControlHeader, major), TT_ABI_FIELD(ControlHeader, epoch),
       TT_ABI_FIELD(ControlHeader, slots), TT_ABI_FIELD(ControlHeader, slot_bytes)}));
  out.push_back(struct_of<CommandRequest>(
      "CommandRequest", {TT_ABI_FIELD(CommandRequest, command_id), TT_ABI_FIELD(CommandRequest, epoch),
                         TT_ABI_FIELD(CommandRequest, kind), TT_ABI_FIELD(CommandRequest, reserved),
                         TT_ABI_FIELD(CommandRequest, check)}));
  out.push_back(struct_of<CommandReply>("CommandReply",
                                        {TT_ABI_FIELD(CommandReply, command_id), TT_ABI_FIELD(CommandReply, sequence),
                                         TT_ABI_FIELD(CommandReply, answer), TT_ABI_FIELD(CommandReply, number)}));
  out.push_back(cell_of<CommandReply>("ReplyCell", field("version", member_of(ReplyVersion{})),
                                      field("row", member_of(ReplyWords{})), "CommandReply"));
  Field queue = TT_ABI_FIELD(ControlSlot, queue);
  queue.count = queue.size;
  out.push_back(struct_of<ControlSlot>(
      "ControlSlot", {TT_ABI_FIELD(ControlSlot, owner_pid), TT_ABI_FIELD(ControlSlot, reply), queue}));
  out.push_back(struct_of<ControlLayout>("ControlLayout",
                                         {TT_ABI_FIELD(ControlLayout, header), TT_ABI_FIELD(ControlLayout, slots)}));
}
#undef TT_ABI_FIELD

std::vector<Enum> all_enums() {
  return {enum_of<shm::SegmentState>(),
          enum_of<shm::ElementType>(),
          enum_of<EventType>(),
          enum_of<EventFlag, true>(),
          enum_of<Side>(),
          enum_of<QuoteSide>(),
          enum_of<BarPeriod>(),
          enum_of<PredictionState>(),
          enum_of<SignalReason>(),
          enum_of<OrderKind>(),
          enum_of<RiskRule>(),
          enum_of<OrderState>(),
          enum_of<CommandKind>(),
          enum_of<ModelStage>(),
          enum_of<CalendarId>(),
          enum_of<SessionState>(),
          enum_of<shm::QuoteFlag, true>(),
          enum_of<shm::GateFlag, true>(),
          enum_of<shm::ModelState>(),
          enum_of<shm::CommandAnswer>(),
          enum_of<shm::ThreadState>(),
          enum_of<shm::RunPhase>(),
          enum_of<shm::Stage>()};
}

std::vector<Constant> all_constants() {
  return {{"magic", shm::kSegmentMagic, "the bytes THINTAIL at the start of a segment"},
          {"cell_bytes", sizeof(shm::Cell), "one slot of a stream: an Event"},
          {"stream_capacity_min", shm::Stream::kCapacityMin, "slots; always a power of two"},
          {"stream_capacity_max", shm::Stream::kCapacityMax, "slots"},
          {"stream_gates", shm::Stream::kGates, "places for gating readers in a stream's header"},
          {"regions_max", shm::SegmentHeader::kRegionsMax, "places in a segment's directory"},
          {"region_alignment", kCacheLinePairBytes, "regions start at multiples of it"},
          {"payload_bytes", kPayloadBytes, "of an event"},
          {"no_instrument", kNoInstrument, "Event.instrument of events that concern no single one"},
          {"source_shift", kSourceShift, "Event.flags >> source_shift: which feed or venue connection"},
          {"bar_ticks_mask", Bar::kTicksMax, "Bar.ticks_period & it: ticks in the bar, saturating"},
          {"bar_period_shift", 24, "(Bar.ticks_period >> it) & 63: BarPeriod"},
          {"bar_side_shift", 30, "Bar.ticks_period >> it: QuoteSide"},
          {"control_magic", shm::kControlMagic, "the bytes TTTCTL01 at the start of a control segment"},
          {"control_major", shm::kControlMajor, "of the control segment's layout"},
          {"control_slots", shm::kControlSlots, "in a control segment: clients at once"},
          {"commands_per_slot", shm::kCommandsPerSlot, "that a slot's queue holds"},
          {"model_slots", shm::kModelSlots, "rows of the models table"},
          {"histogram_buckets", kHistogramBuckets, "in each Histogram"},
          {"histogram_split_bits", kHistogramSplitBits, "2^it buckets divide each doubling of a latency"},
          {"histogram_value_max", kHistogramValueMax, "ns; longer ones count as this"},
          {"reattach_ms", 100, "how often a reader asks whether its segment is still current"}};
}
static_assert(Bar::pack(Bar::kTicksMax, 1, QuoteSide::ask) == (Bar::kTicksMax | 1u << 24 | 1u << 30));

// What lies at the start of a region of each element type, and what each of its elements is.
RegionKind region_kind(const SampleRegion& region) {
  RegionKind out{region.name, {}, region.element_bytes, {}, {}};
  switch (static_cast<shm::ElementType>(region.type)) {
    case shm::ElementType::none: break;
    case shm::ElementType::event_stream: out.header = "Stream", out.element = "Event"; break;
    case shm::ElementType::quote_table: out.header = "Table", out.element = "QuoteCell"; break;
    case shm::ElementType::position_table: out.header = "Table", out.element = "PositionCell"; break;
    case shm::ElementType::health_table: out.header = "Table", out.element = "HealthCell"; break;
    case shm::ElementType::histogram: out.element = "Histogram"; break;
    case shm::ElementType::counter_table: out.header = "AppendTable", out.element = "CounterRow"; break;
    case shm::ElementType::instrument_names: out.header = "AppendTable", out.element = "InstrumentNameRow"; break;
    case shm::ElementType::run_status: out.element = "RunStatus"; break;
    case shm::ElementType::risk_table: out.header = "Table", out.element = "RiskCell"; break;
    case shm::ElementType::model_table: out.header = "Table", out.element = "ModelCell"; break;
    default: break;  // a kind that this document does not describe yet: listed by name and size alone
  }
  return out;
}

}  // namespace

const Struct& Layout::of(std::string_view name) const {
  const auto found = std::ranges::find(structs, name, &Struct::name);
  TT_CHECK(found != structs.end(), "a struct of the layout");
  return *found;
}

Result<Layout> layout_of_this_build() {
  TT_TRY(const Sample sample, take_sample());
  Layout layout;
  layout.major = shm::kSegmentMajor;
  layout.minor = shm::kSegmentMinor;
  layout.layout_hash = sample.layout_hash;
  layout.constants = all_constants();
  layout.enums = all_enums();
  add_segment_structs(layout.structs);
  add_stream_structs(layout.structs);
  add_table_structs(layout.structs);
  add_control_structs(layout.structs);
  add_payloads(fields::Payloads{}, layout.structs);
  const auto element_types = std::ranges::find(layout.enums, "ElementType", &Enum::name);
  for (const SampleRegion& region : sample.regions) {
    RegionKind kind = region_kind(region);
    for (const Enumerator& type : element_types->values) {
      if (type.value == region.type) kind.element_type = type.name;
    }
    layout.regions.push_back(std::move(kind));
  }
  layout.cell = sample.cell;
  return layout;
}

std::string snake_case(std::string_view pascal_case) {
  std::string out;
  for (const char c : pascal_case) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isupper(byte) != 0 && !out.empty()) out += '_';
    out += static_cast<char>(std::tolower(byte));
  }
  return out;
}

}  // namespace thintail::abi
