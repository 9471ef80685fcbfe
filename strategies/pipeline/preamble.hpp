// SPDX-License-Identifier: Apache-2.0
// Preamble: what an epoch's events begin with, so that the journal alone (with models by hash) replays: session, configuration, instruments,
// model, and the positions carried over.
//   path  cold
#pragma once

#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/hash.hpp"
#include "core/config/settings.hpp"
#include "core/event/payloads.hpp"
#include "core/instrument/instrument_table.hpp"
#include "ml/predictor/decision_model.hpp"

namespace thintail {

// What an operator's commands left in force at a run's end.
struct CommandLatches {
  bool killed = false;
  bool paused = false;
  bool flattening = false;  // paused, and closing what is held; true also once all of it is closed

  void take(CommandKind kind) noexcept;
};

struct Preamble {
  std::uint32_t epoch = 0;
  std::string config_text;  // canonical TOML of what decisions depend on
  std::vector<Instrument> instruments;  // by id
  Sha256Digest model_hash{};
  bool has_model = false;
  std::map<InstrumentId, Position> positions;  // carried over from the epoch before
  CommandLatches latches;  // likewise; to_events() writes them, but PreambleReader leaves them to the caller
};

// What a run of these settings begins with. `model` may be null.
Preamble make_preamble(const Settings& settings, const InstrumentTable& instruments, const DecisionModel* model,
                       std::uint32_t epoch, std::map<InstrumentId, Position> positions = {});

// The preamble as events, in order; sequences are the sink's to give. The latches come last, as Command events with kFlagSnapshot, id 0
// and actor 0: they are ordinary inputs, which the pipeline obeys as it obeyed the operator, and replay with it.
std::vector<Event> to_events(const Preamble& preamble, std::int64_t time_ns, unsigned flags);

// An instrument from its row and the text that follows it, "XAUUSD@oanda XAU USD"; nothing where that is not its form.
std::optional<Instrument> instrument_from_text(const InstrumentRow& row, std::string_view text);

// Whether the event is one of those.
bool is_carried_latch(const Event& event) noexcept;

// Collects a preamble from the events of a stream.
class PreambleReader {
 public:
  // True while events belong to the preamble; false for the first one that does not, which is left to the caller.
  bool take(const Event& event);
  // Refuses a preamble that lacks its session, text or an instrument's name, or whose parts contradict each other.
  Result<Preamble> finish() &&;

 private:
  // Starts collecting the text that the event's continuations carry.
  bool begin_text(const Event& event, std::size_t text_bytes);
  bool add_text(const Event& event);
  bool complete_text();
  bool complete_instrument();
  // Remembers why the preamble cannot be used; false, so that the caller stops feeding it.
  bool refuse(std::string field, std::string expected, std::string found);

  Preamble preamble_;
  std::string text_;
  std::size_t text_bytes_ = 0;  // of the event being continued
  Event continued_{};
  bool text_open_ = false;  // continuations are still to come
  bool session_seen_ = false;
  bool config_seen_ = false;
  std::optional<Error> fault_;
};

}  // namespace thintail
