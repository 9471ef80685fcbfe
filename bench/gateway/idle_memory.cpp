// SPDX-License-Identifier: Apache-2.0
// idle_memory: resident memory of the gateway with a core that ticks and nobody who asks. Controls: nginx, an empty Beast server.
#include <fmt/format.h>

#include "bench/gateway/load.hpp"
#include "bench/gateway/suite.hpp"

namespace thintail::bench {

Result<std::vector<CaseResult>> idle_memory(const Options& options) {
  constexpr std::int64_t kMilliseconds = 1'500;
  TT_TRY(const Stage stage, Stage::set());
  Pacer pacer(*stage.core, 100);
  pacer.run_for(options.iterations == 0 ? kMilliseconds : 100);
  std::vector<double> ours{rss_mb(stage.gateway->pid())};
  TT_TRY(const HttpReply reply, stage.gateway->get("/healthz"));
  CaseResult result{
      .name = "idle_memory",
      .unit = "MB",
      .ours = stats_of(ours),
      .target = "<= 64",
      .note =
          fmt::format("resident; {} instruments, no journal, 100 ticks a second; its pages of shared memory and of the "
                      "program included",
                      BenchCore::kInstruments)};
  if (options.ours_alone) {
    result.add_left_out(kNginx);
    return std::vector<CaseResult>{std::move(result)};
  }
  TT_TRY(const std::string checked,
         all_equal(reply.status == 200 && !options.mutant ? 1 : 0, 1, "whether the gateway still answers"));
  const auto nginx = start_nginx(*stage.disk, 1);
  if (nginx) {
    std::vector<double> nginx_mb{0};
    for (const pid_t pid : nginx->pids()) nginx_mb[0] += rss_mb(pid);
    result.add_peer(kNginx, stats_of(nginx_mb), checked);
  } else if (nginx.error().code == ErrorCode::peer_absent) {
    result.add_absent(kNginx, kNginxAbsent);
  } else {
    return fail(nginx.error());
  }
  TT_TRY(const PeerServer beast, start_beast(*stage.disk, {}));
  std::vector<double> beast_mb{rss_mb(beast.child.pid())};
  result.add_peer(kBeast, stats_of(beast_mb), checked);
  return std::vector<CaseResult>{std::move(result)};
}

}  // namespace thintail::bench
