// SPDX-License-Identifier: Apache-2.0
#include "shm/segment/core_segment.hpp"

#include <fmt/format.h>

#include <limits>
#include <new>
#include <utility>

namespace thintail::shm {
namespace {

constexpr std::uint32_t kInstrumentsMax = 1u << 20;

// Everything whose size or place a reader of another build would have to know. Frozen with version 1.0: what a minor version appends
// (docs/abi.md) is no part of it, or readers of 1.0 would refuse it.
constexpr std::array<std::uint64_t, 22> kLayout = {
    kSegmentMajor,
    sizeof(SegmentHeader),
    sizeof(Region),
    sizeof(Event),
    offsetof(Event, payload),
    sizeof(Stream),
    sizeof(Gate),
    Stream::kGates,
    sizeof(Table<QuoteRow>),
    sizeof(SeqCell<QuoteRow>),
    sizeof(SeqCell<PositionRow>),
    sizeof(SeqCell<HealthRow>),
    sizeof(SeqCell<ProgressRow>),
    sizeof(SeqCell<RiskRow>),
    sizeof(SeqCell<GateRow>),
    sizeof(SeqCell<ModelRow>),
    sizeof(AppendTable<CounterRow>),
    sizeof(CounterRow),
    sizeof(InstrumentNameRow),
    sizeof(RunStatus),
    sizeof(Histogram),
    kHistogramBuckets,
};
constexpr std::uint64_t kLayoutHash = layout_hash_of(kLayout);

RegionSpec stream_spec(std::string_view name, std::uint64_t slots) {
  return {name, ElementType::event_stream, sizeof(Cell), slots, Stream::bytes_for(slots)};
}

template <class Row>
RegionSpec table_spec(std::string_view name, ElementType type, std::uint64_t rows) {
  return {name, type, sizeof(SeqCell<Row>), rows, Table<Row>::bytes_for(rows)};
}

template <class Row>
RegionSpec append_table_spec(std::string_view name, ElementType type, std::uint64_t rows) {
  return {name, type, sizeof(Row), rows, AppendTable<Row>::bytes_for(rows)};
}

// Small parts first: prefaulting stops at a limit, and what lies beyond it should be the far end of the largest ring.
std::array<RegionSpec, 13> region_specs(const CoreSettings& core, const ShmSettings& shm) {
  const std::uint64_t instruments = core.instruments_max;
  return {
      table_spec<HealthRow>("health", ElementType::health_table, kHealthRows),
      RegionSpec{"stages", ElementType::histogram, sizeof(Histogram), kStageNames.size(),
                 kStageNames.size() * sizeof(Histogram)},
      append_table_spec<CounterRow>("counters", ElementType::counter_table, kCounters),
      RegionSpec{"run", ElementType::run_status, sizeof(RunStatus), 1, sizeof(RunStatus)},
      table_spec<ModelRow>("models", ElementType::model_table, kModelSlots),
      table_spec<QuoteRow>("quotes", ElementType::quote_table, instruments),
      table_spec<PositionRow>("positions", ElementType::position_table, instruments),
      table_spec<RiskRow>("risk", ElementType::risk_table, instruments),
      append_table_spec<InstrumentNameRow>("instruments", ElementType::instrument_names, instruments),
      stream_spec("venue", kVenueSlots),
      stream_spec("reports", kReportSlots),
      stream_spec("ticks", shm.ticks_slots),
      stream_spec("events", shm.events_slots),
  };
}

Result<void> check_sizes(const CoreSettings& core, const ShmSettings& shm) {
  const auto refused = [](std::string field, std::string expected, std::uint64_t found) {
    return fail({.code = ErrorCode::config_bad_value,
                 .doing = "laying out the segment",
                 .field = std::move(field),
                 .expected = std::move(expected),
                 .found = fmt::format("{}", found)});
  };
  const std::string slots = fmt::format("a power of two from {} to {}", Stream::kCapacityMin, Stream::kCapacityMax);
  if (!Stream::is_capacity(shm.events_slots)) return refused("shm.events_slots", slots, shm.events_slots);
  if (!Stream::is_capacity(shm.ticks_slots)) return refused("shm.ticks_slots", slots, shm.ticks_slots);
  if (core.instruments_max == 0 || core.instruments_max > kInstrumentsMax) {
    return refused("core.instruments_max", fmt::format("1 to {}", kInstrumentsMax), core.instruments_max);
  }
  return {};
}

// Finds and opens the parts of a segment written by somebody else, any of which may turn out not to fit.
class PartsReader {
 public:
  explicit PartsReader(const SegmentView& segment) noexcept : segment_(&segment) {}

  template <class T>
  const T* part(std::string_view name, ElementType type, std::uint32_t element_bytes) {
    const auto bytes = region(name, type, element_bytes);
    const T* opened = bytes.empty() ? nullptr : T::open(bytes.data(), bytes.size());
    if (opened == nullptr) refuse(name);
    return opened;
  }
  const Stream* stream(std::string_view name) { return part<Stream>(name, ElementType::event_stream, sizeof(Cell)); }
  template <class T>
  const T* fixed(std::string_view name, ElementType type, std::size_t count) {
    const auto bytes = region(name, type, sizeof(T));
    if (bytes.size() < count * sizeof(T)) refuse(name);
    return bytes.size() < count * sizeof(T) ? nullptr : std::launder(reinterpret_cast<const T*>(bytes.data()));
  }
  std::optional<Error>& error() noexcept { return error_; }

 private:
  std::span<const std::byte> region(std::string_view name, ElementType type, std::uint32_t element_bytes) {
    auto found = segment_->region(name, type, element_bytes);
    if (found) return *found;
    if (!error_) error_ = std::move(found).error();
    return {};
  }
  void refuse(std::string_view name) {
    if (error_) return;
    error_ = Error{.code = ErrorCode::shm_layout_mismatch,
                   .doing = "attaching to a segment",
                   .file = segment_->path(),
                   .field = fmt::format("region {}", name),
                   .expected = "a header that fits the region",
                   .found = "one that does not"};
  }

  const SegmentView* segment_;
  std::optional<Error> error_;
};

}  // namespace

std::uint64_t core_segment_bytes(const CoreSettings& core, const ShmSettings& shm) {
  std::uint64_t total = sizeof(SegmentHeader);
  for (const RegionSpec& region : region_specs(core, shm)) total += region.size_bytes + kCacheLinePairBytes;
  return total;
}

Result<CoreSegment> CoreSegment::create(const CoreSegmentOptions& options, WriterLock lock) {
  TT_TRY_VOID(check_sizes(options.core, options.shm));
  const auto specs = region_specs(options.core, options.shm);
  const SegmentOptions segment_options{.epoch = options.epoch,
                                       .layout_hash = kLayoutHash,
                                       .build_id = options.build_id,
                                       .huge_pages = options.shm.huge_pages,
                                       .lock_memory = options.core.lock_memory,
                                       .numa_node = options.core.numa_node};
  TT_TRY(Segment segment, Segment::create(segment_options, specs, std::move(lock)));
  const auto at = [&segment](std::string_view name) { return static_cast<void*>(segment.region(name).data()); };
  const std::uint64_t instruments = options.core.instruments_max;
  auto* stages = new (at("stages")) Histogram[kStageNames.size()];
  const CoreParts<true> parts{
      .events = Stream::create(at("events"), options.shm.events_slots, options.first_event_sequence),
      .ticks = Stream::create(at("ticks"), options.shm.ticks_slots, 1),
      .venue = Stream::create(at("venue"), kVenueSlots, 1),
      .reports = Stream::create(at("reports"), kReportSlots, 1),
      .quotes = Table<QuoteRow>::create(at("quotes"), instruments),
      .positions = Table<PositionRow>::create(at("positions"), instruments),
      .risk = Table<RiskRow>::create(at("risk"), instruments),
      .models = Table<ModelRow>::create(at("models"), kModelSlots),
      .instruments = AppendTable<InstrumentNameRow>::create(at("instruments"), instruments),
      .health = Table<HealthRow>::create(at("health"), kHealthRows),
      .stages = std::span<Histogram, kStageNames.size()>(stages, kStageNames.size()),
      .counters = AppendTable<CounterRow>::create(at("counters"), kCounters),
      .run = new (at("run")) RunStatus(),
  };
  parts.run->set_durable(options.first_event_sequence - 1);
  return CoreSegment(std::move(segment), parts);
}

Result<CoreView> CoreView::attach(SegmentView segment) {
  PartsReader reader(segment);
  const auto* stages = reader.fixed<Histogram>("stages", ElementType::histogram, kStageNames.size());
  const CoreParts<false> parts{
      .events = reader.stream("events"),
      .ticks = reader.stream("ticks"),
      .venue = reader.stream("venue"),
      .reports = reader.stream("reports"),
      .quotes = reader.part<Table<QuoteRow>>("quotes", ElementType::quote_table, sizeof(SeqCell<QuoteRow>)),
      .positions =
          reader.part<Table<PositionRow>>("positions", ElementType::position_table, sizeof(SeqCell<PositionRow>)),
      .risk = reader.part<Table<RiskRow>>("risk", ElementType::risk_table, sizeof(SeqCell<RiskRow>)),
      .models = reader.part<Table<ModelRow>>("models", ElementType::model_table, sizeof(SeqCell<ModelRow>)),
      .instruments = reader.part<AppendTable<InstrumentNameRow>>("instruments", ElementType::instrument_names,
                                                                 sizeof(InstrumentNameRow)),
      .health = reader.part<Table<HealthRow>>("health", ElementType::health_table, sizeof(SeqCell<HealthRow>)),
      .stages = std::span<const Histogram, kStageNames.size()>(stages, kStageNames.size()),
      .counters = reader.part<AppendTable<CounterRow>>("counters", ElementType::counter_table, sizeof(CounterRow)),
      .run = reader.fixed<RunStatus>("run", ElementType::run_status, 1),
  };
  if (reader.error()) return fail(*std::move(reader.error()));
  return CoreView(std::move(segment), parts);
}

Result<CoreView> CoreView::open(std::string_view directory, std::string_view instance, std::optional<uid_t> owner) {
  TT_TRY(SegmentView segment, SegmentView::open({.directory = std::string(directory),
                                                 .instance = std::string(instance),
                                                 .layout_hash = kLayoutHash,
                                                 .owner = owner}));
  return attach(std::move(segment));
}

Result<std::optional<CoreView>> CoreView::open_previous(const WriterLock& lock) {
  TT_TRY(std::optional<SegmentView> segment, SegmentView::open_previous(lock, kLayoutHash));
  if (!segment) return std::optional<CoreView>();
  TT_TRY(CoreView view, attach(*std::move(segment)));
  return std::optional<CoreView>(std::move(view));
}

}  // namespace thintail::shm
