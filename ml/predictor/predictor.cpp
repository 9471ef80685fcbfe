// SPDX-License-Identifier: Apache-2.0
#include "ml/predictor/predictor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>

#include "core/base/assert.hpp"
#include "ml/regime/regime_detector.hpp"

namespace thintail {
namespace {

constexpr std::int64_t kNoRow = std::numeric_limits<std::int64_t>::min();

float* floats_of(NetworkBlock& block) noexcept { return reinterpret_cast<float*>(block.data()); }
std::size_t lines_of(std::size_t floats) noexcept { return (floats + kNetworkLanes - 1) / kNetworkLanes; }

std::uint32_t due_bit(const std::optional<BarPeriod>& period, std::uint32_t otherwise) noexcept {
  return period ? 1u << static_cast<unsigned>(*period) : otherwise;
}

bool is_identity(const std::vector<std::uint16_t>& lanes) noexcept {
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    if (lanes[i] != i) return false;
  }
  return true;
}

// One set of trees on the row as it is, of which nothing is asked but its margin: what an ensemble of it would answer too.
const TreeEnsemble* plain_trees(const DecisionModel& model) noexcept {
  if (model.members.size() != 1 || model.regime || model.ensemble.rule != EnsembleRule::soft) return nullptr;
  const ModelMember& member = model.members.front();
  const auto* trees = std::get_if<TreeEnsemble>(&member.model);
  const bool is_plain = trees != nullptr && trees->output_count() == 1 && trees->averaged_over() == 1 &&
                        is_identity(member.lanes) && member.scaling.empty() && !member.period && member.scale == 1.0 &&
                        member.offset == 0.0;
  return is_plain ? trees : nullptr;
}

struct SnapshotHeader {
  static constexpr std::uint64_t kMagic = 0x31304452'50504454;  // "TDPPRD01"
  std::uint64_t magic = kMagic;
  std::uint64_t bytes = 0;  // of the whole
  std::uint64_t instruments = 0;  // enabled ones
  std::uint64_t checksum = 0;  // XXH3 of the bytes after the header
  Sha256Digest model{};
};
static_assert(sizeof(SnapshotHeader) == 64);

}  // namespace

// What is worked out once of a member.
struct Predictor::Member {
  const TreeEnsemble* trees = nullptr;
  const Network* network = nullptr;  // one of the two
  std::span<const std::uint16_t> lanes;
  bool is_identity = false;
  bool is_recurrent = false;
  bool is_shadowed = false;  // whether its answer later depends on the rows before
  std::uint32_t due = kEveryTick;
  std::uint32_t output = 0;
  std::uint32_t rows_min = 0;  // it must have taken in before it counts
  std::size_t state = 0;  // into Slot::memory, in lines
  double per_sum = 1.0;
  double scale = 1.0;
  double offset = 0.0;
  // A lane each; empty where values go in as they are.
  std::vector<float> mean;
  std::vector<float> per_unit;
  std::vector<float> clip;
};

// What is known of an instrument.
struct Predictor::Slot {
  explicit Slot(const EnsembleConfig& config) noexcept : ensemble(config) {}

  Ensemble ensemble;
  std::optional<RegimeDetector> regime;
  std::int64_t last_row_ns = kNoRow;  // the last whole row
  std::uint32_t closed = 0;  // periods that are due
  MemberMask to_prepare = 0;  // networks whose prepare() is still to come
  std::array<std::uint32_t, kMembersMax> rows{};  // taken in by each member since its sequence began
  NetworkBlock memory;  // of all recurrent members
};

// A slot as it lies in a snapshot; the lines of its memory follow.
struct Predictor::InstrumentBytes {
  std::uint64_t id = 0;
  std::int64_t last_row_ns = 0;
  std::uint32_t closed = 0;
  MemberMask to_prepare = 0;
  std::array<std::uint32_t, kMembersMax> rows{};
  EnsembleState ensemble{};
  RegimeDetectorState regime{};
};

Predictor::Predictor(const DecisionModel& model, std::size_t instruments_max)
    : model_(&model), mandatory_(model.mandatory), plain_trees_(plain_trees(model)), slots_(instruments_max) {
  static_assert(std::is_trivially_copyable_v<InstrumentBytes> &&
                sizeof(InstrumentBytes) ==
                    24 + sizeof(Slot::rows) + sizeof(EnsembleState) + sizeof(RegimeDetectorState));
  TT_CHECK(model.validate().has_value(), "a decision model that validate() accepts");
  regime_due_ = due_bit(model.regime_period, kEveryTick);
  std::size_t scratch_lines = 0;
  std::size_t spoken_lines = 0;
  std::size_t sums = 0;
  for (const ModelMember& from : model.members) {
    Member& member = members_.emplace_back();
    member.trees = std::get_if<TreeEnsemble>(&from.model);
    member.network = std::get_if<Network>(&from.model);
    member.lanes = from.lanes;
    member.is_identity = is_identity(from.lanes);
    member.is_recurrent = from.is_recurrent();
    member.is_shadowed = member.is_recurrent || from.period.has_value();
    member.due = due_bit(from.period, kEveryTick);
    member.output = from.output;
    member.rows_min = std::max(from.warm_up_steps, member.is_shadowed ? 1u : 0u);
    member.scale = from.scale;
    member.offset = from.offset;
    for (const LaneScaling& lane : from.scaling) {
      member.mean.push_back(lane.mean);
      member.per_unit.push_back(lane.per_unit);
      member.clip.push_back(lane.clip);
    }
    if (member.trees != nullptr) {
      member.per_sum = static_cast<double>(member.trees->averaged_over());
      sums = std::max<std::size_t>(sums, member.trees->output_count());
      continue;
    }
    member.state = state_lines_;
    state_lines_ += lines_of(member.network->state_floats());
    scratch_lines = std::max(scratch_lines, member.network->make_scratch().size());
    spoken_lines = std::max(spoken_lines, lines_of(member.network->outputs()));
  }
  scratch_.resize(scratch_lines);
  spoken_.resize(spoken_lines);
  gathered_.resize(lines_of(kMaxLanes));
  sums_.resize(sums);
}

Predictor::~Predictor() = default;
Predictor::Predictor(Predictor&&) noexcept = default;

void Predictor::enable(InstrumentId id) {
  TT_CHECK(id < slots_.size(), "at most the instruments that the predictor was made for");
  if (plain_trees_ != nullptr || slots_[id] != nullptr) return;
  slots_[id] = std::make_unique<Slot>(model_->ensemble);
  Slot& slot = *slots_[id];
  slot.memory.resize(state_lines_);
  if (model_->regime) {
    slot.regime.emplace(model_->regime->hmm, model_->regime->change);
    slot.ensemble.set_multipliers(model_->regime->table.weights(slot.regime->current()));
  }
  begin_sequence(slot);
}

// A sequence begins: of what members of ticks and bars said, nothing is taken back.
void Predictor::begin_sequence(Slot& slot) noexcept {
  for (std::size_t i = 0; i < members_.size(); ++i) {
    const Member& member = members_[i];
    if (!member.is_recurrent) continue;
    member.network->reset(slot.memory[member.state].lanes, floats_of(scratch_));
    slot.rows[i] = 0;
  }
  slot.to_prepare = 0;  // reset() has
  if (slot.regime) slot.regime->on_gap();
}

void Predictor::begin_row(Slot& slot, std::int64_t time_ns) noexcept {
  // Times never decrease, but a journal's may lie further apart than a signed number holds.
  const std::uint64_t apart_ns = static_cast<std::uint64_t>(time_ns) - static_cast<std::uint64_t>(slot.last_row_ns);
  const bool is_apart = model_->sequence_gap_ns != 0 && slot.last_row_ns != kNoRow &&
                        apart_ns > static_cast<std::uint64_t>(model_->sequence_gap_ns);
  if (is_apart) [[unlikely]]
    begin_sequence(slot);
  slot.last_row_ns = time_ns;
}

bool Predictor::take_regime(Slot& slot, const FeatureRow& row, RegimeChange& out) noexcept {
  std::array<float, kHmmFeaturesMax> values;  // NOLINT: only what is used is written
  const std::vector<std::uint16_t>& lanes = model_->regime_lanes;
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    if (!row.defined.test(lanes[i])) return false;
    values[i] = row.values[lanes[i]];
  }
  if (!slot.regime->step({values.data(), lanes.size()}, out)) return false;
  slot.ensemble.set_multipliers(model_->regime->table.weights(out.to));
  return true;
}

// The member's inputs, valid until the next call.
const float* Predictor::input_of(const Member& member, const FeatureRow& row) noexcept {
  const float* from = row.values.data();
  float* const to = floats_of(gathered_);
  const std::size_t count = member.lanes.size();
  if (!member.is_identity) {
    for (std::size_t i = 0; i < count; ++i) to[i] = from[member.lanes[i]];
    from = to;
  }
  if (member.mean.empty()) return from;
  const float undefined = member.network != nullptr ? 0.0f : std::numeric_limits<float>::quiet_NaN();
  const float* const mean = member.mean.data();
  const float* const per_unit = member.per_unit.data();
  const float* const clip = member.clip.data();
  for (std::size_t i = 0; i < count; ++i) {
    const float x = (from[i] - mean[i]) * per_unit[i];
    const float below = x > clip[i] ? clip[i] : x;
    const float within = below < -clip[i] ? -clip[i] : below;
    to[i] = from[i] == from[i] ? within : undefined;
  }
  return to;
}

void Predictor::let_speak(Slot& slot, std::size_t at, const FeatureRow& row, std::int64_t time_ns) noexcept {
  const Member& member = members_[at];
  const float* const input = input_of(member, row);
  double said = 0.0;
  if (member.trees != nullptr) {
    member.trees->margins(input, sums_.data());
    said = sums_[member.output] / member.per_sum;
  } else {
    const MemberMask bit = MemberMask{1} << at;
    float* const state = member.is_recurrent ? slot.memory[member.state].lanes : nullptr;
    if ((slot.to_prepare & bit) != 0) member.network->prepare(state, floats_of(scratch_));
    member.network->predict(input, state, floats_of(scratch_), floats_of(spoken_));
    if (member.is_recurrent) slot.to_prepare |= bit;
    said = static_cast<double>(floats_of(spoken_)[member.output]);
  }
  slot.rows[at] += slot.rows[at] < member.rows_min ? 1 : 0;
  const bool counts = slot.rows[at] >= member.rows_min;
  slot.ensemble.set_member(static_cast<std::uint32_t>(at), member.offset + member.scale * said,
                           counts ? PredictionState::valid : PredictionState::warming_up, time_ns);
}

Predictor::Answer Predictor::answer_of_all(InstrumentId id, const FeatureRow& row, std::int64_t twice_mid_e9,
                                           std::uint32_t closed, std::int64_t time_ns) noexcept {
  Slot& slot = *slots_[id];
  Answer answer;
  slot.closed |= closed;
  slot.ensemble.on_mid(twice_mid_e9, time_ns);
  if (!row.defined.contains(mandatory_)) [[unlikely]]
    return answer;
  begin_row(slot, time_ns);
  const std::uint32_t due = std::exchange(slot.closed, 0) | kEveryTick;
  if (slot.regime && (due & regime_due_) != 0) answer.regime_changed = take_regime(slot, row, answer.regime);
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if ((due & members_[i].due) != 0) let_speak(slot, i, row, time_ns);
  }
  const EnsemblePrediction made = slot.ensemble.predict_and_remember(time_ns);
  answer.state = prediction_state(made.fault);
  if (made.fault != EnsembleFault::none) return answer;
  const auto score = static_cast<float>(made.score);
  if (!__builtin_isfinite(score)) [[unlikely]] {
    answer.state = PredictionState::not_finite;
    return answer;
  }
  answer.score = score + 0.0f;  // a double that rounds to -0 becomes +0
  return answer;
}

void Predictor::shadow(InstrumentId id, const FeatureRow& row, std::uint32_t closed, std::int64_t time_ns) noexcept {
  if (plain_trees_ != nullptr) return;
  Slot& slot = *slots_[id];
  slot.closed |= closed;
  if (!row.defined.contains(mandatory_)) return;
  begin_row(slot, time_ns);
  const std::uint32_t due = std::exchange(slot.closed, 0) | kEveryTick;
  RegimeChange change;
  if (slot.regime && (due & regime_due_) != 0) take_regime(slot, row, change);
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (members_[i].is_shadowed && (due & members_[i].due) != 0) let_speak(slot, i, row, time_ns);
  }
}

void Predictor::prepare(InstrumentId id) noexcept {
  Slot& slot = *slots_[id];
  if (slot.to_prepare == 0) return;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (!has_member(slot.to_prepare, i)) continue;
    members_[i].network->prepare(slot.memory[members_[i].state].lanes, floats_of(scratch_));
  }
  slot.to_prepare = 0;
}

void Predictor::on_gap() noexcept {
  for (const std::unique_ptr<Slot>& slot : slots_) {
    if (slot != nullptr) begin_sequence(*slot);
  }
}

double Predictor::risk_scale(InstrumentId id) const noexcept {
  return model_->regime ? model_->regime->table.of(slots_[id]->regime->current()).risk_scale : 1.0;
}

RegimeLabel Predictor::regime(InstrumentId id) const noexcept {
  return model_->regime ? slots_[id]->regime->current() : RegimeLabel::unknown;
}

bool Predictor::is_warm(InstrumentId id) const noexcept {
  if (plain_trees_ != nullptr) return true;
  const Slot& slot = *slots_[id];
  // Before its first announcement a regime allows all the risk.
  if (slot.regime && slot.regime->current() == RegimeLabel::unknown) return false;
  std::uint32_t warm = 0;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    const bool counts = slot.rows[i] >= members_[i].rows_min || !members_[i].is_shadowed;
    if (!counts && model_->ensemble.member[i].is_mandatory) return false;
    warm += counts ? 1 : 0;
  }
  return warm >= model_->ensemble.members_min;
}

const Ensemble* Predictor::ensemble(InstrumentId id) const noexcept {
  return plain_trees_ != nullptr ? nullptr : &slots_[id]->ensemble;
}

std::size_t Predictor::bytes_per_instrument() const noexcept {
  return sizeof(InstrumentBytes) + state_lines_ * sizeof(NetworkLine);
}

std::vector<std::byte> Predictor::snapshot() const {
  SnapshotHeader header{.model = model_->digest};
  header.instruments = static_cast<std::uint64_t>(
      std::ranges::count_if(slots_, [](const std::unique_ptr<Slot>& slot) { return slot != nullptr; }));
  header.bytes = sizeof header + header.instruments * bytes_per_instrument();
  std::vector<std::byte> out(header.bytes);
  std::byte* to = out.data() + sizeof header;
  for (std::size_t id = 0; id < slots_.size(); ++id) {
    if (slots_[id] == nullptr) continue;
    const Slot& slot = *slots_[id];
    InstrumentBytes bytes{.id = id,
                          .last_row_ns = slot.last_row_ns,
                          .closed = slot.closed,
                          .to_prepare = slot.to_prepare,
                          .rows = slot.rows,
                          .ensemble = slot.ensemble.state()};
    if (slot.regime) bytes.regime = slot.regime->state();
    std::memcpy(to, &bytes, sizeof bytes);
    if (state_lines_ != 0) std::memcpy(to + sizeof bytes, slot.memory.data(), state_lines_ * sizeof(NetworkLine));
    to += bytes_per_instrument();
  }
  header.checksum = xxh3(out.data() + sizeof header, out.size() - sizeof header);
  std::memcpy(out.data(), &header, sizeof header);
  return out;
}

Result<void> Predictor::restore(std::span<const std::byte> bytes) {
  const auto refuse = [](std::string_view field, std::string expected, std::string found) -> Result<void> {
    return fail({.code = ErrorCode::feature_state,
                 .doing = "restoring the state of a model",
                 .field = std::string(field),
                 .expected = std::move(expected),
                 .found = std::move(found)});
  };
  SnapshotHeader header;
  if (bytes.size() < sizeof header)
    return refuse("size", fmt::format("at least {} bytes", sizeof header), fmt::format("{}", bytes.size()));
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.magic != SnapshotHeader::kMagic)
    return refuse("magic", fmt::format("{:#x}", SnapshotHeader::kMagic), fmt::format("{:#x}", header.magic));
  if (header.model != model_->digest) return refuse("model", to_hex(model_->digest), to_hex(header.model));
  const auto enabled = static_cast<std::uint64_t>(
      std::ranges::count_if(slots_, [](const std::unique_ptr<Slot>& slot) { return slot != nullptr; }));
  const std::uint64_t expected = sizeof header + enabled * bytes_per_instrument();
  if (header.instruments != enabled || header.bytes != expected || bytes.size() != expected) {
    return refuse("size", fmt::format("{} bytes of {} instruments", expected, enabled),
                  fmt::format("{} bytes, for {} of {}", bytes.size(), header.bytes, header.instruments));
  }
  const std::span<const std::byte> rest = bytes.subspan(sizeof header);
  if (const std::uint64_t checksum = xxh3(rest.data(), rest.size()); checksum != header.checksum)
    return refuse("checksum", fmt::format("{:#x}", header.checksum), fmt::format("{:#x}", checksum));
  const auto instrument_at = [&](std::uint64_t i, InstrumentBytes& out) {
    std::memcpy(&out, rest.data() + i * bytes_per_instrument(), sizeof out);
  };
  InstrumentBytes state;
  for (std::uint64_t i = 0; i < enabled; ++i) {
    instrument_at(i, state);
    if (state.id >= slots_.size() || slots_[state.id] == nullptr)
      return refuse("instrument", "one that is enabled", fmt::format("{}", state.id));
  }
  for (std::uint64_t i = 0; i < enabled; ++i) {
    instrument_at(i, state);
    Slot& slot = *slots_[state.id];
    slot.last_row_ns = state.last_row_ns;
    slot.closed = state.closed;
    slot.to_prepare = state.to_prepare;
    slot.rows = state.rows;
    slot.ensemble.restore(state.ensemble);
    if (slot.regime) slot.regime->restore(state.regime);
    const std::byte* const memory = rest.data() + i * bytes_per_instrument() + sizeof state;
    if (state_lines_ != 0) std::memcpy(slot.memory.data(), memory, state_lines_ * sizeof(NetworkLine));
  }
  return {};
}

}  // namespace thintail
