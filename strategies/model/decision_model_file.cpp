// SPDX-License-Identifier: Apache-2.0
#include "strategies/model/decision_model_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/base/whole_file.hpp"
#include "ml/ensemble/ensemble_file.hpp"
#include "ml/models/decision_trees.hpp"
#include "strategies/model/golden_events.hpp"

namespace thintail {
namespace {

Result<void> check_set(const FeatureSet& held, const FeatureSet& in_force, const std::string& file) {
  if (held.hash() == in_force.hash()) return {};
  return fail({.code = ErrorCode::model_feature_mismatch,
               .doing = "checking a model's features",
               .file = file,
               .field = "features",
               .expected = fmt::format("{} of set {}, which is in force", to_hex(in_force.hash()), in_force.name()),
               .found = fmt::format("{} of set {}", to_hex(held.hash()), printable(held.name()))});
}

Result<void> check_cost(const pack::DecisionModelSpec& spec, const pack::GoldenEvents& golden,
                        const std::string& file) {
  const auto instruments =
      static_cast<std::uint64_t>(std::ranges::count(golden.events, EventType::instrument, &Event::type));
  return pack::check_golden_cost(spec, std::max<std::uint64_t>(1, golden.rows.size()),
                                 std::max<std::uint64_t>(1, instruments), file);
}

}  // namespace

Result<std::string> encode_decision_model(const pack::DecisionModelSpec& spec, const std::string& file) {
  // The golden rows come from the plainest kernels; reading them back compares this CPU's own with them.
  TT_TRY(const DecisionModel plain, pack::make_decision_model(spec, {}, file, Isa::scalar));
  TT_TRY(const pack::GoldenEvents golden, make_golden_events(plain));
  std::string bytes = pack::encode_events_pack(spec, golden);
  // What cannot be read back, a text beyond its bound for one, must not be written.
  TT_TRY_VOID(decode_pack(bytes, file));
  return bytes;
}

Result<LoadedPack> decode_pack(std::string_view bytes, const std::string& file, Isa isa, const FeatureSet* in_force) {
  TT_TRY(pack::EventsPack pack, pack::decode_events_pack(bytes, file));
  if (in_force != nullptr) TT_TRY_VOID(check_set(*pack.spec.features, *in_force, file));
  TT_TRY(DecisionModel model, pack::make_decision_model(pack.spec, pack.digest, file, isa));
  TT_TRY_VOID(check_cost(pack.spec, pack.golden, file));
  TT_TRY_VOID(check_golden_events(model, pack.golden, isa, file));
  return LoadedPack{.model = std::move(model), .pack = std::move(pack)};
}

Result<DecisionModel> decode_decision_model(std::string_view bytes, const std::string& file, Isa isa,
                                            const FeatureSet* in_force) {
  TT_TRY(LoadedPack loaded, decode_pack(bytes, file, isa, in_force));
  return std::move(loaded.model);
}

Result<DecisionModel> load_decision_model(const std::string& path, Isa isa, const FeatureSet* in_force) {
  TT_TRY(const std::string bytes, read_whole_file(path, model_reading("reading a model")));
  return decode_decision_model(bytes, path, isa, in_force);
}

std::string describe(const DecisionModel& model) {
  const auto one = [](const ModelMember& member) {
    if (const auto* trees = std::get_if<TreeEnsemble>(&member.model))
      return fmt::format("{} trees", trees->tree_count());
    const auto& network = std::get<Network>(member.model);
    return fmt::format("{}network of {} matrices", network.quantized_matrices() > 0 ? "int8 " : "", network.matrices());
  };
  if (model.members.size() == 1) return one(model.members.front());
  std::string out;
  for (const ModelMember& member : model.members) out += (out.empty() ? "" : " + ") + one(member);
  return fmt::format("{} ({})", out, ensemble_rule_name(model.ensemble.rule));
}

}  // namespace thintail
