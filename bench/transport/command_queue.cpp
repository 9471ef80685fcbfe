// SPDX-License-Identifier: Apache-2.0
// command_queue: a command from a client to the core and its answer back, both sides on one CPU so that nothing but the
// work is timed; and what looking for commands costs the engine when there are none. Control: the same requests and
// answers through two plain boost::lockfree::spsc_queues, which believe what they read. For scale: a Unix socket.
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/lockfree/spsc_queue.hpp>

#include "bench/harness/pinned.hpp"
#include "bench/harness/scratch.hpp"
#include "bench/harness/stopwatch.hpp"
#include "bench/transport/suite.hpp"
#include "shm/control/control_client.hpp"
#include "shm/control/control_segment.hpp"
#include "shm/segment/writer_lock.hpp"

namespace thintail::bench {
namespace {

constexpr std::uint64_t kPerSample = 64;
constexpr std::uint64_t kSamples = 1000;
constexpr std::uint32_t kEpoch = 1;
constexpr const char* kInstance = "bench";
constexpr const char* kBoost = "boost::lockfree::spsc_queue, unchecked";
constexpr const char* kSocket = "Unix socket";
constexpr const char* kEmptyLoop = "an empty loop";

using shm::CommandReply;
using shm::CommandRequest;

// Both ends of a socket pair in one hand.
class SocketPair {
 public:
  static Result<SocketPair> create() {
    SocketPair pair;
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.ends_.data()) != 0) {
      return fail({.code = ErrorCode::system_call, .doing = "making a socket pair", .found = errno_text(errno)});
    }
    return pair;
  }
  ~SocketPair() {
    for (const int end : ends_) {
      if (end >= 0) ::close(end);
    }
  }
  SocketPair(SocketPair&& other) noexcept : ends_(std::exchange(other.ends_, {-1, -1})) {}
  SocketPair& operator=(SocketPair&&) = delete;

  template <class T>
  static bool send(int end, const T& message) noexcept {
    return ::write(end, &message, sizeof message) == ssize_t{sizeof message};
  }
  template <class T>
  static bool receive(int end, T& message) noexcept {
    return ::read(end, &message, sizeof message) == ssize_t{sizeof message};
  }
  int client() const noexcept { return ends_[0]; }
  int core() const noexcept { return ends_[1]; }

 private:
  SocketPair() = default;
  std::array<int, 2> ends_{-1, -1};
};

// `round_trip(id)` sends one command and says whether its own answer came back. Mean ns of each sample; adds to `answered`.
template <class RoundTrip>
void measure(std::uint64_t samples, const EngineClock& clock, std::vector<double>& out_ns, std::uint64_t& answered,
             RoundTrip&& round_trip) {
  std::uint64_t id = 0;
  for (std::uint64_t sample = 0; sample < samples; ++sample) {
    const std::uint64_t begin = stamp();
    for (std::uint64_t i = 0; i < kPerSample; ++i) answered += round_trip(++id);
    out_ns.push_back(static_cast<double>(clock.to_ns(stamp() - begin)) / kPerSample);
  }
}

}  // namespace

Result<std::vector<CaseResult>> command_queue(const Options& options) {
  TT_TRY(const EngineClock clock, EngineClock::calibrate());
  TT_TRY(const Scratch scratch, Scratch::create("/dev/shm"));
  const std::string directory = scratch.path().string();
  TT_TRY(const shm::WriterLock lock, shm::WriterLock::acquire(directory, kInstance));
  TT_TRY(const std::unique_ptr<shm::ControlSegment> core, shm::ControlSegment::create(directory, kInstance, kEpoch));
  TT_TRY_VOID(core->publish());
  TT_TRY(shm::ControlClient client, shm::ControlClient::open(directory, kInstance, kEpoch));
  TT_TRY(const SocketPair sockets, SocketPair::create());
  boost::lockfree::spsc_queue<CommandRequest, boost::lockfree::capacity<shm::kCommandsPerSlot>> requests;
  boost::lockfree::spsc_queue<CommandReply, boost::lockfree::capacity<shm::kCommandsPerSlot>> replies;

  const auto through_control = [&](std::uint64_t id) noexcept {
    if (client.send(CommandKind::pause, id) != shm::Offered::queued) return false;
    shm::ReceivedCommand command{};
    for (std::uint32_t turn = 0; turn < shm::kControlSlots; ++turn) {
      if (!core->poll(command)) continue;
      core->answer(command, shm::CommandAnswer::applied, id);
      break;
    }
    const auto reply = client.reply_to(id);
    return reply && reply->sequence == id && reply->answer == shm::CommandAnswer::applied;
  };
  const auto through_boost = [&](std::uint64_t id) noexcept {
    CommandRequest request{};
    CommandReply reply{};
    return requests.push(CommandRequest::of(CommandKind::pause, id, kEpoch)) && requests.pop(request) &&
           replies.push({request.command_id, id, shm::CommandAnswer::applied, 0}) && replies.pop(reply) &&
           reply.command_id == id && reply.sequence == id;
  };
  const auto through_socket = [&](std::uint64_t id) noexcept {
    CommandRequest request{};
    CommandReply reply{};
    return SocketPair::send(sockets.client(), CommandRequest::of(CommandKind::pause, id, kEpoch)) &&
           SocketPair::receive(sockets.core(), request) &&
           SocketPair::send(sockets.core(), CommandReply{request.command_id, id, shm::CommandAnswer::applied, 0}) &&
           SocketPair::receive(sockets.client(), reply) && reply.command_id == id && reply.sequence == id;
  };

  const Pinned pinned(allowed_cpus().front());
  const std::uint64_t samples = options.iterations_or(kSamples);
  std::vector<double> ours_ns, boost_ns, socket_ns, empty_ns, nothing_ns;
  std::uint64_t ours = 0, boost = 0, socket = 0, empty_looks = 0, loops = 0;
  // In turns of a tenth each, so that what disturbs the machine disturbs all.
  constexpr std::uint64_t kTurns = 10;
  const std::uint64_t per_turn = std::max<std::uint64_t>(samples / kTurns, 1);
  std::uint64_t sent = 0;
  for (std::uint64_t turn = 0; turn < kTurns; ++turn) {
    measure(per_turn, clock, ours_ns, ours, through_control);
    sent += per_turn * kPerSample;
    shm::ReceivedCommand command{};
    measure(per_turn, clock, empty_ns, empty_looks, [&](std::uint64_t) noexcept { return !core->poll(command); });
    if (options.ours_alone) continue;
    measure(per_turn, clock, nothing_ns, loops, [](std::uint64_t id) noexcept {
      keep(id);
      return true;
    });
    measure(per_turn, clock, boost_ns, boost, through_boost);
    measure(per_turn, clock, socket_ns, socket, through_socket);
  }
  if (options.mutant) --ours;
  TT_TRY_VOID(all_equal(ours, sent, "commands answered"));
  CaseResult command{.name = "command_queue",
                     .unit = "ns",
                     .ours = stats_of(ours_ns),
                     .target = "stated beside the unchecked queue",
                     .note = fmt::format("a command and its answer, checked as hostile, one of {} slots in use; both "
                                         "sides on one CPU",
                                         shm::kControlSlots)};
  CaseResult empty{.name = "command_queue_empty",
                   .unit = "ns",
                   .ours = stats_of(empty_ns),
                   .target = "< 1 a turn of the engine's loop",
                   .note = "the engine looks at one slot a turn and finds nothing"};
  if (options.ours_alone) {
    command.add_left_out(kBoost);
    empty.add_left_out(kEmptyLoop);
  } else {
    TT_TRY(std::string boost_checked, all_equal(boost, sent, "commands answered"));
    TT_TRY(std::string socket_checked, all_equal(socket, sent, "commands answered"));
    command.add_peer(kBoost, stats_of(boost_ns), std::move(boost_checked));
    command.add_peer(kSocket, stats_of(socket_ns), std::move(socket_checked));
    TT_TRY(std::string empty_checked, all_equal(empty_looks, loops, "looks that found nothing"));
    empty.add_peer(kEmptyLoop, stats_of(nothing_ns), std::move(empty_checked));
  }
  std::vector<CaseResult> results;
  results.push_back(std::move(command));
  results.push_back(std::move(empty));
  return results;
}

}  // namespace thintail::bench
