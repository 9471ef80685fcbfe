// SPDX-License-Identifier: Apache-2.0
// publish: the writer alone, nobody reading: events that have long been in the cache, or are built for the occasion;
// a ring that fits the L2 cache, or the daemon's 64 MiB; the payload copied by words and by vectors.
#include <fmt/format.h>

#include "bench/harness/pinned.hpp"
#include "bench/harness/stopwatch.hpp"
#include "bench/transport/messages.hpp"
#include "bench/transport/shared_pages.hpp"
#include "bench/transport/suite.hpp"
#include "shm/stream/stream_writer.hpp"

namespace thintail::bench {
namespace {

constexpr std::uint64_t kSmallSlots = 1u << 13;  // 512 KiB
constexpr std::uint64_t kLargeSlots = 1u << 20;  // 64 MiB: the daemon's events
constexpr std::uint64_t kPerSample = 8192;
constexpr std::uint64_t kSamplesPerRepetition = 256;  // two laps of the large ring
constexpr int kRepetitions = 7;

// The control: the same bytes by plain stores, without a protocol.
class PlainWriter {
 public:
  explicit PlainWriter(shm::Stream& stream) noexcept
      : cells_(reinterpret_cast<Event*>(stream.cells())), mask_(stream.capacity() - 1) {}
  TT_HOT std::uint64_t append(Event& event) noexcept {
    Event& cell = cells_[++last_ & mask_];
    cell = event;
    cell.sequence = last_;  // not into `event`: the copy would have to wait for this narrow store
    asm volatile("" : : : "memory");  // every event reaches memory before the next one
    return last_;
  }

 private:
  Event* cells_;
  std::uint64_t mask_;
  std::uint64_t last_ = 0;
};

struct Resident {
  Messages messages = all_messages();
  template <class Writer>
  TT_HOT void publish(Writer& writer, std::uint64_t number) noexcept {
    writer.append(messages[number % kMessages]);
  }
  Event expected(std::uint64_t number) const noexcept { return messages[number % kMessages]; }
};

// Field by field in place, as the pipeline builds its outputs; cheap values, so that the building is what is measured.
struct Built {
  template <class Writer>
  TT_HOT void publish(Writer& writer, std::uint64_t number) noexcept {
    Event event = build(number);
    writer.append(event);
  }
  Event expected(std::uint64_t number) const noexcept { return build(number); }

 private:
  TT_ALWAYS_INLINE static Event build(std::uint64_t number) noexcept {
    const auto value = static_cast<std::int64_t>(number);
    const auto size = static_cast<float>(static_cast<std::int32_t>(number % 1024));
    return Event::make(value, static_cast<std::uint32_t>(number & 7),
                       Tick{.bid_e9 = value + 1,
                            .ask_e9 = value + 2,
                            .bid_size = size,
                            .ask_size = -size,
                            .venue_ns = value + 3,
                            .source_sequence = number});
  }
};

// Appends to `samples_ns` what a publish costs, then counts the cells of the last lap that hold what was published.
template <class Writer, class Source>
std::uint64_t publish_all(SharedPages& pages, std::uint64_t slots, std::uint64_t samples, const EngineClock& clock,
                          std::vector<double>& samples_ns) {
  auto* stream = shm::Stream::create(pages.zeroed(shm::Stream::bytes_for(slots)), slots, 1);
  Writer writer(*stream);
  Source source;
  std::uint64_t number = 0;
  for (std::uint64_t sample = 0; sample < samples + 1; ++sample) {  // the first is a warm-up: a lap of the small ring
    const std::uint64_t begin = stamp();
    for (std::uint64_t i = 0; i < kPerSample; ++i) source.publish(writer, number++);
    const auto elapsed_ns = static_cast<double>(clock.to_ns(stamp() - begin));
    if (sample > 0) samples_ns.push_back(elapsed_ns / kPerSample);
  }
  std::uint64_t equal = 0;
  for (std::uint64_t back = 1; back <= kPerSample; ++back) {
    const shm::Cell& cell = stream->cells()[(number - back + 1) & (slots - 1)];
    equal += cell.holds(number - back + 1) && same_message(cell.event(), source.expected(number - back));
  }
  return equal;
}

template <class Source>
Result<CaseResult> measure(const Options& options, SharedPages& pages, std::uint64_t slots, const EngineClock& clock,
                           CaseResult result) {
  constexpr bool kWords = std::same_as<shm::StreamWriter, shm::BasicStreamWriter<shm::WordCopy>>;
  using Other = shm::BasicStreamWriter<std::conditional_t<kWords, shm::VectorCopy, shm::WordCopy>>;
  constexpr const char* kOther = kWords ? "ours with vector copies" : "ours with word copies";
  constexpr const char* kPlain = "plain stores, no protocol";
  const std::uint64_t samples = options.iterations_or(kSamplesPerRepetition);
  std::vector<double> ours_ns, other_ns, plain_ns;
  std::uint64_t ours = 0, other = 0, plain = 0;
  for (int repetition = 0; repetition < options.repetitions(kRepetitions); ++repetition) {
    ours = publish_all<shm::StreamWriter, Source>(pages, slots, samples, clock, ours_ns);
    if (options.ours_alone) continue;
    other = publish_all<Other, Source>(pages, slots, samples, clock, other_ns);
    plain = publish_all<PlainWriter, Source>(pages, slots, samples, clock, plain_ns);
  }
  if (options.mutant) --ours;
  result.ours = stats_of(ours_ns);
  result.note +=
      fmt::format("; {} copies; means of {} publishes; nobody reads", kWords ? "word" : "vector", kPerSample);
  if (options.ours_alone) {
    result.add_left_out(kOther);
    result.add_left_out(kPlain);
    return result;
  }
  TT_TRY_VOID(all_equal(ours, kPerSample, "published events"));
  TT_TRY(std::string other_checked, all_equal(other, kPerSample, "published events"));
  TT_TRY(std::string plain_checked, all_equal(plain, kPerSample, "stored events"));
  result.add_peer(kOther, stats_of(other_ns), std::move(other_checked));
  result.add_peer(kPlain, stats_of(plain_ns), std::move(plain_checked));
  return result;
}

}  // namespace

Result<std::vector<CaseResult>> publish(const Options& options) {
  TT_TRY(const EngineClock clock, EngineClock::calibrate());
  TT_TRY(SharedPages pages, SharedPages::create(shm::Stream::bytes_for(kLargeSlots)));
  const Pinned pinned(allowed_cpus().front());
  std::vector<CaseResult> results;
  const auto add = [&]<class Source>(std::type_identity<Source>, std::uint64_t slots,
                                     CaseResult empty) -> Result<void> {
    TT_TRY(CaseResult result, measure<Source>(options, pages, slots, clock, std::move(empty)));
    results.push_back(std::move(result));
    return {};
  };
  constexpr std::type_identity<Resident> kResident;
  constexpr std::type_identity<Built> kBuilt;
  TT_TRY_VOID(
      add(kResident, kSmallSlots,
          {.name = "publish", .unit = "ns", .target = "<= 1.5", .note = "resident events into a ring of 512 KiB"}));
  TT_TRY_VOID(
      add(kResident, kLargeSlots,
          {.name = "publish_64mib", .unit = "ns", .target = "<= 3", .note = "resident events into a ring of 64 MiB"}));
  TT_TRY_VOID(add(kBuilt, kSmallSlots,
                  {.name = "publish_built",
                   .unit = "ns",
                   .target = "<= 3",
                   .note = "events just built by Event::make, whose cost is included, into a ring of 512 KiB"}));
  TT_TRY_VOID(add(kBuilt, kLargeSlots,
                  {.name = "publish_built_64mib",
                   .unit = "ns",
                   .target = "<= 3",
                   .note = "events just built by Event::make, whose cost is included, into a ring of 64 MiB"}));
  return results;
}

}  // namespace thintail::bench
