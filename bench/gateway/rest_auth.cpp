// SPDX-License-Identifier: Apache-2.0
// rest_auth: what the gateway does about who asks and how often, by the objects that it does it with: Access and RateLimits. Warm: the
// same key again. Cold: another key each time, with the caches full of something else. Wrong: a key whose secret is not ours.
// Control: SHA-256 of the token, which nobody who keeps no secrets can do without.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "adapters/http/access.hpp"
#include "adapters/http/rate_limits.hpp"
#include "bench/gateway/stage.hpp"
#include "bench/gateway/suite.hpp"
#include "bench/harness/pinned.hpp"
#include "bench/harness/stopwatch.hpp"
#include "core/base/hash.hpp"

namespace thintail::bench {
namespace {

constexpr std::uint64_t kWarm = 20'000;
constexpr std::uint64_t kCold = 400;
constexpr std::size_t kKeys = 64;
constexpr std::size_t kCacheBytes = 16u << 20;  // more than a core's own caches hold
constexpr const char* kHashAlone = "SHA-256 of the token alone";

struct Keys {
  std::vector<std::string> tokens;
  std::vector<std::string> principals;
};

Result<Keys> make_keys(const std::string& path) {
  http::KeyFile file;
  Keys keys;
  for (std::size_t i = 0; i < kKeys; ++i) {
    TT_TRY(const http::NewKey made,
           http::add_key(file, fmt::format("bench-{}", i), http::Role::viewer, {}, 0, utc_ns()));
    keys.tokens.push_back(made.token);
    keys.principals.push_back(made.record.id);
  }
  TT_TRY_VOID(http::write_key_file(path, file));
  return keys;
}

// Another last digit of the secret.
std::string spoilt(std::string token) {
  // Not the very last one: some of its bits may mean nothing.
  char& digit = token[token.size() - 4];
  digit = digit == 'A' ? 'B' : 'A';
  return token;
}

class Bench {
 public:
  static Result<Bench> create(const Scratch& scratch) {
    TT_TRY(Keys keys, make_keys(scratch.file("keys.json")));
    http::AccessOptions options;
    options.keys_path = scratch.file("keys.json");
    TT_TRY(std::unique_ptr<http::Access> access, http::Access::make(options));
    TT_TRY(const EngineClock clock, EngineClock::calibrate());
    return Bench(std::move(keys), std::move(access), clock);
  }

  // One request's: who is it, and may it. True where the answer is the right one.
  bool ask(const std::string& token, const std::string& id, bool is_good, double& ns) {
    const std::int64_t now_ns = utc_ns();
    const std::uint64_t begin = stamp();
    const auto principal = access_->bearer(token, now_ns);
    const http::RateVerdict verdict = principal ? rates_.take(http::RateClass::read, principal->id, now_ns)
                                                : rates_.take_failed_proof("127.0.0.1", now_ns);
    ns = static_cast<double>(clock_.to_ns(stamp() - begin));
    return principal.has_value() == is_good && verdict.is_allowed && (!principal || principal->id.ends_with(id));
  }
  double hash_alone(const std::string& token) {
    const std::uint64_t begin = stamp();
    const Sha256Digest digest = sha256(token);
    keep(digest);
    return static_cast<double>(clock_.to_ns(stamp() - begin));
  }
  void forget_caches() {
    for (std::size_t at = 0; at < other_.size(); at += 64) other_[at] = static_cast<char>(other_[at] + 1);
    keep(other_);
  }
  const Keys& keys() const noexcept { return keys_; }

 private:
  static http::RateLimitOptions wide() {
    http::RateLimitOptions options;  // what is measured is counting, not refusing
    options.read.requests = options.failed_proofs.requests = 1'000'000'000;
    return options;
  }
  Bench(Keys keys, std::unique_ptr<http::Access> access, const EngineClock& clock)
      : keys_(std::move(keys)), access_(std::move(access)), rates_(wide()), clock_(clock), other_(kCacheBytes) {}

  Keys keys_;
  std::unique_ptr<http::Access> access_;
  http::RateLimits rates_;
  EngineClock clock_;
  std::vector<char> other_;
};

struct Kind {
  const char* name;
  bool is_cold;
  bool is_good;
  const char* note;
};

Result<CaseResult> measure(Bench& bench, const Kind& kind, const Options& options) {
  const std::uint64_t total = options.iterations_or(kind.is_cold ? kCold : kWarm);
  std::vector<double> ours = sample_room(total);
  std::vector<double> alone = sample_room(total);
  std::uint64_t right = 0;
  for (std::uint64_t i = 0; i < total; ++i) {
    const std::size_t key = kind.is_cold ? i * 29 % kKeys : 0;
    const std::string token = kind.is_good ? bench.keys().tokens[key] : spoilt(bench.keys().tokens[key]);
    double ns = 0;
    if (kind.is_cold) bench.forget_caches();
    // A spoilt check answers what it should have refused.
    right += bench.ask(token, bench.keys().principals[key], kind.is_good != options.mutant, ns);
    ours.push_back(ns);
    if (options.ours_alone) continue;
    if (kind.is_cold) bench.forget_caches();
    alone.push_back(bench.hash_alone(token));
  }
  CaseResult result{.name = kind.name, .unit = "ns", .ours = stats_of(ours), .target = "<= 20000", .note = kind.note};
  if (options.ours_alone) {
    result.add_left_out(kHashAlone);
    return result;
  }
  TT_TRY(std::string checked, all_equal(right, total, "who was let in"));
  result.add_peer(kHashAlone, stats_of(alone), std::move(checked));
  return result;
}

}  // namespace

Result<std::vector<CaseResult>> rest_auth(const Options& options) {
  TT_TRY(const Scratch scratch, Scratch::create(std::filesystem::temp_directory_path()));
  const Pinned pinned(cpu_share().clients);
  TT_TRY(Bench bench, Bench::create(scratch));
  std::vector<CaseResult> results;
  for (const Kind& kind :
       {Kind{"rest_auth_warm", false, true, "the same key, back to back"},
        Kind{"rest_auth_cold", true, true, "64 keys in turn; 16 MB of other memory touched before each"},
        Kind{"rest_auth_wrong_key", false, false, "a known key's id with another secret, counted by address"}}) {
    TT_TRY(CaseResult result, measure(bench, kind, options));
    results.push_back(std::move(result));
  }
  return results;
}

}  // namespace thintail::bench
