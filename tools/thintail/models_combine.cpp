// SPDX-License-Identifier: Apache-2.0
// `thintail models combine`: packs of one feature set made into one ensemble, with or without regimes.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/whole_file.hpp"
#include "ml/ensemble/ensemble_file.hpp"
#include "ml/features/feature_set.hpp"
#include "tools/thintail/models_commands.hpp"

namespace thintail {

namespace {

struct CombineArguments {
  std::vector<std::string> packs;
  std::string ensemble;
  std::string regime;
  std::string regime_period;
  std::string out;
  double sequence_gap_s = 0;
  bool json = false;
};

std::unexpected<Error> no(std::string field, std::string expected, std::string found, std::string file = {}) {
  return fail({.code = ErrorCode::usage,
               .doing = "combining models",
               .file = std::move(file),
               .field = std::move(field),
               .expected = std::move(expected),
               .found = std::move(found)});
}

// A member takes its pack's name, for most packs call theirs "main".
std::string member_name(const std::string& path, const std::string& name, bool is_alone) {
  std::string out;
  for (const char c : std::filesystem::path(path).stem().string()) {
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const bool is_good = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9') || lower == '-' ||
                         lower == '_' || lower == '.';
    out += is_good ? lower : '-';
  }
  return is_alone ? out : out + "." + name;
}

Result<void> add_members(const std::string& path, pack::DecisionModelSpec& spec) {
  TT_TRY(const std::string bytes, read_whole_file(path, model_reading("reading a model pack")));
  TT_TRY(LoadedPack loaded, decode_pack(bytes, path, best_isa(), spec.features));
  pack::DecisionModelSpec& from = loaded.pack.spec;
  if (spec.features == nullptr) {
    spec.features = from.features;
    spec.meaning = from.meaning;
  }
  // What is said of the whole is said anew here: a part that said it for itself would lose it.
  if (from.regime || from.sequence_gap_ns != 0 || from.ensemble.rule != EnsembleRule::soft) {
    return no("pack", "members of plain packs; --ensemble, --regime and --sequence-gap speak for all of them",
              "a pack with a regime, a sequence gap or an ensemble rule of its own", path);
  }
  if (from.meaning.label != spec.meaning.label || from.meaning.horizon_ns != spec.meaning.horizon_ns) {
    return no("label",
              fmt::format("{} over {} ns, as the first pack's", printable(spec.meaning.label), spec.meaning.horizon_ns),
              fmt::format("{} over {} ns", printable(from.meaning.label), from.meaning.horizon_ns), path);
  }
  for (std::size_t lane = 0; lane < spec.features->lanes().size(); ++lane) {
    if (from.mandatory.test(lane)) spec.mandatory.set(lane);
  }
  const bool is_alone = from.members.size() == 1;
  for (pack::MemberSpec& member : from.members) {
    member.name = member_name(path, member.name, is_alone);
    spec.members.push_back(std::move(member));
  }
  return {};
}

Result<ExitCode> combine(const CombineArguments& arguments) {
  pack::DecisionModelSpec spec{.producer = "thintail " THINTAIL_VERSION,
                               .meaning = {},
                               .mandatory = {},
                               .members = {},
                               .regime = {},
                               .regime_period = {}};
  for (const std::string& path : arguments.packs) TT_TRY_VOID(add_members(path, spec));
  TT_TRY(const std::string ensemble, read_whole_file(arguments.ensemble, model_reading("reading an ensemble")));
  TT_TRY(spec.ensemble, ensemble_from_toml(ensemble, arguments.ensemble));
  if (!arguments.regime.empty()) {
    TT_TRY(spec.regime, RegimeModel::load(arguments.regime));
  }
  if (!arguments.regime_period.empty()) {
    if (!spec.regime) return no("--regime-period", "--regime beside it", "none");
    BarPeriod period{};
    if (!bar_period_from_name(arguments.regime_period, period)) {
      return no("--regime-period", "M1, M5, M15, M30, H1, H4 or D1", printable(arguments.regime_period));
    }
    spec.regime_period = period;
  }
  if (!(arguments.sequence_gap_s >= 0 && arguments.sequence_gap_s <= 1e9))
    return no("--sequence-gap", "0 to 1e9 s", fmt::format("{}", arguments.sequence_gap_s));
  spec.sequence_gap_ns = static_cast<std::int64_t>(arguments.sequence_gap_s * 1e9);
  TT_TRY(const std::string bytes, encode_decision_model(spec, arguments.out));
  TT_TRY_VOID(replace_file(arguments.out, bytes, "writing a model pack"));
  return show_pack(arguments.out, arguments.json);
}

}  // namespace

void add_models_combine(CLI::App& models, Action& chosen) {
  auto* command = models.add_subcommand("combine", "Makes an ensemble of packs of one feature set and label");
  auto arguments = std::make_shared<CombineArguments>();
  command->add_option("PACK", arguments->packs, "Packs of kind events, in the order of the ensemble's members")
      ->required();
  command->add_option("--ensemble", arguments->ensemble, "Rule and members' weights, as TOML (docs/ensembles.md)")
      ->required();
  command->add_option("--regime", arguments->regime, "Regimes, as TOML (docs/regime.md)");
  command->add_option("--regime-period", arguments->regime_period,
                      "The regime steps when such a bar has closed; without it on every tick");
  command
      ->add_option("--sequence-gap", arguments->sequence_gap_s,
                   "Seconds without a row after which recurrent members and regimes begin anew; 0: never")
      ->capture_default_str();
  command->add_option("-o,--out", arguments->out, "The pack to write")->required();
  command->add_flag("--json", arguments->json, "What was written, as JSON");
  command->callback([arguments, &chosen] { chosen = [arguments] { return combine(*arguments); }; });
}

}  // namespace thintail
