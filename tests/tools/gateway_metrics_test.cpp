// SPDX-License-Identifier: Apache-2.0
// /metrics of a running core is valid Prometheus text, and what the dashboard and the alert rules in deploy/ ask for is in it.
#include "tools/gateway/metrics.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>
#include <thread>

#include "tests/support/live_core.hpp"
#include "tests/support/process.hpp"
#include "tests/support/temp_folder.hpp"
#include "tests/support/unix_client.hpp"
#include "tools/gateway/core_cpus.hpp"
#include "tools/gateway/gap_sampler.hpp"
#include "tools/gateway/gateway.hpp"

namespace thintail::gateway {
namespace {

using nlohmann::json;

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The name that HELP and TYPE are of: a histogram's rows have endings.
std::string family_of(const std::string& name, const std::map<std::string, std::string>& types) {
  if (types.contains(name)) return name;
  for (const char* ending : {"_bucket", "_sum", "_count"}) {
    if (!name.ends_with(ending)) continue;
    const std::string family = name.substr(0, name.size() - std::string_view(ending).size());
    if (const auto found = types.find(family); found != types.end() && found->second == "histogram") return family;
  }
  return {};
}

struct Exposition {
  std::map<std::string, std::string> types;  // by family
  std::map<std::string, double> samples;  // by name and labels, as written
  std::vector<std::string> faults;
};

// The rules of text format 0.0.4 that Prometheus itself holds a target to, and those that promtool adds.
Exposition read_exposition(const std::string& text) {
  Exposition out;
  const auto fault = [&](std::string what) { out.faults.push_back(std::move(what)); };
  static const std::regex sample(
      R"rx(([a-zA-Z_:][a-zA-Z0-9_:]*)(\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"(?:,(?!\}))?)+)\})? (NaN|[+-]Inf|[-+0-9.eE]+))rx");
  static const std::regex one_label(R"rx(([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)")rx");
  std::set<std::string> helped;
  std::string family_now;
  std::set<std::string> families_done;
  struct Histogram {
    double last_bound = -1, last_count = -1, infinite = -1, count = -1;
    bool has_sum = false;
  };
  std::map<std::string, Histogram> histograms;  // by family and its other labels
  if (!text.ends_with('\n')) fault("the last line has no end");
  std::istringstream lines(text);
  std::string line;
  while (std::getline(lines, line)) {
    if (line.starts_with("# HELP ")) {
      const std::string name = line.substr(7, line.find(' ', 7) - 7);
      if (!helped.insert(name).second) fault("HELP twice: " + name);
      if (line.size() < 7 + name.size() + 2) fault("HELP without words: " + name);
      continue;
    }
    if (line.starts_with("# TYPE ")) {
      const std::string name = line.substr(7, line.find(' ', 7) - 7);
      const std::string type = line.substr(7 + name.size() + 1);
      if (!helped.contains(name)) fault("TYPE without HELP: " + name);
      if (type != "counter" && type != "gauge" && type != "histogram") fault("no type: " + line);
      if (!out.types.emplace(name, type).second) fault("TYPE twice: " + name);
      if (type == "counter" && !name.ends_with("_total")) fault("a counter's name ends in _total: " + name);
      if (type != "counter" && name.ends_with("_total")) fault("only a counter's name ends in _total: " + name);
      continue;
    }
    std::smatch parts;
    if (!std::regex_match(line, parts, sample)) {
      fault("no sample: " + line);
      continue;
    }
    const std::string name = parts[1];
    const std::string family = family_of(name, out.types);
    if (family.empty()) {
      fault("a sample before its TYPE: " + line);
      continue;
    }
    if (family != family_now) {
      if (!families_done.insert(family).second) fault("a family in two places: " + family);
      family_now = family;
    }
    const double value = std::strtod(parts[4].str().c_str(), nullptr);
    if (!out.samples.emplace(name + parts[2].str(), value).second) fault("a series twice: " + line);
    if (out.types[family] == "counter" && !(value >= 0)) fault("a counter below 0: " + line);
    if (out.types[family] != "histogram") continue;
    std::string bound, others;
    const std::string labels = parts[3];
    std::set<std::string> names;
    for (std::sregex_iterator label(labels.begin(), labels.end(), one_label), end; label != end; ++label) {
      if (!names.insert((*label)[1]).second) fault("a label twice: " + line);
      ((*label)[1] == "le" ? bound : others) += (*label)[2];
    }
    Histogram& histogram = histograms[family + " " + others];
    if (name == family + "_sum") histogram.has_sum = true;
    if (name == family + "_count") histogram.count = value;
    if (name != family + "_bucket") continue;
    if (bound == "+Inf") {
      histogram.infinite = value;
    } else if (const double at = std::strtod(bound.c_str(), nullptr); at <= histogram.last_bound) {
      fault("buckets do not ascend: " + line);
    } else {
      histogram.last_bound = at;
    }
    if (value < histogram.last_count) fault("a bucket holds less than the one before: " + line);
    histogram.last_count = value;
  }
  for (const auto& [name, histogram] : histograms) {
    if (histogram.infinite < 0 || histogram.infinite != histogram.count || !histogram.has_sum) {
      fault("buckets, sum and count do not agree: " + name);
    }
  }
  return out;
}

std::string faults_of(const std::string& text) {
  return fmt::format("{}", fmt::join(read_exposition(text).faults, "\n"));
}

TEST(Exposition, its_check_finds_what_is_wrong) {
  const std::string good =
      "# HELP a_total Words.\n# TYPE a_total counter\na_total{x=\"1\"} 1\na_total{x=\"2\"} 2\n"
      "# HELP h Words.\n# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 3\nh_count 2\n";
  EXPECT_EQ(faults_of(good), "");
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    return faults_of(text);
  };
  EXPECT_NE(changed("x=\"2\"", "x=\"1\"").find("a series twice"), std::string::npos);
  EXPECT_NE(changed("# HELP a_total Words.\n", "").find("TYPE without HELP"), std::string::npos);
  EXPECT_NE(changed("# TYPE h histogram\n", "").find("before its TYPE"), std::string::npos);
  EXPECT_NE(changed("# TYPE a_total counter", "# TYPE a_total gauge").find("only a counter"), std::string::npos);
  EXPECT_NE(changed("le=\"+Inf\"} 2", "le=\"+Inf\"} 3").find("do not agree"), std::string::npos);
  EXPECT_NE(changed("h_bucket{le=\"1\"} 1", "h_bucket{le=\"1\"} 4").find("less than the one before"),
            std::string::npos);
  EXPECT_NE(changed("h_sum 3\n", "").find("do not agree"), std::string::npos);
  EXPECT_NE(changed("{x=\"1\"} 1", "{x=\"1\" } 1").find("no sample"), std::string::npos);
  EXPECT_NE(changed("{x=\"1\"} 1", "{x=\"1\"} nan").find("no sample"), std::string::npos);
  EXPECT_NE(changed("h_count 2\n", "h_count 2").find("no end"), std::string::npos);
  EXPECT_NE(changed("# HELP h ", "# HELP a_total Words.\n# TYPE a_total counter\n# HELP h ").find("twice"),
            std::string::npos);
}

TEST(ThreadStat, a_threads_name_may_hold_brackets_and_blanks) {
  ThreadCpu row;
  ASSERT_TRUE(read_thread_stat("12 (a) b) (c) S 1 12 12 0 -1 4194560 5 0 0 0 250 75 0 0 20 0 1 0 9 0", 100, row));
  EXPECT_EQ(row.name, "a) b) (c");
  EXPECT_EQ(row.user_s, 2.5);
  EXPECT_EQ(row.system_s, 0.75);
  EXPECT_FALSE(read_thread_stat("12 (a) S 1 2", 100, row));
  EXPECT_FALSE(read_thread_stat("", 100, row));
  EXPECT_TRUE(thread_cpu(-1).empty());
}

TEST(ThreadCpu, work_is_seen_in_the_name_of_the_thread_that_does_it) {
  std::atomic<bool> is_over{false};
  std::thread busy([&] {
    ::pthread_setname_np(::pthread_self(), "busy one");
    while (!is_over.load(std::memory_order_relaxed)) {  // relaxed: only an end
    }
  });
  EXPECT_TRUE(test::eventually([] {
    for (const ThreadCpu& row : thread_cpu(::getpid())) {
      if (row.name == "busy one" && row.user_s + row.system_s > 0.05) return true;
    }
    return false;
  }));
  is_over.store(true, std::memory_order_relaxed);  // relaxed: as above
  busy.join();
}

// Prometheus' own tool; empty where it is not installed.
std::string promtool() {
  for (const char* path : {"/usr/bin/promtool", "/usr/local/bin/promtool"}) {
    if (::access(path, X_OK) == 0) return path;
  }
  return {};
}

std::string deploy(const char* name) { return std::string(THINTAIL_SOURCE_DIR) + "/deploy/" + name; }

// Every thintail_ name in a text that is no family of the exposition's, nor a row of a histogram's.
std::string unknown_names(const std::string& text, const Exposition& known) {
  static const std::regex name(R"(thintail_[a-z0-9_]+)");
  std::set<std::string> unknown;
  for (std::sregex_iterator at(text.begin(), text.end(), name), end; at != end; ++at) {
    if (family_of(at->str(), known.types).empty()) unknown.insert(at->str());
  }
  return fmt::format("{}", fmt::join(unknown, " "));
}

// The expressions of a Grafana dashboard, wherever they stand in it.
void collect_expressions(const json& at, std::vector<std::string>& out) {
  if (at.is_object() && at.contains("expr")) out.push_back(at["expr"].get<std::string>());
  if (at.is_structured()) {
    for (const json& below : at) collect_expressions(below, out);
  }
}

class RunningCore : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    core_ = new test::LiveCore();
    folder_ = new test::TempFolder();
    GatewayOptions options;
    options.instance = "watched";
    options.shm_directory = core_->watched_by("stat").back();
    options.journal_directory = std::filesystem::path(core_->journals()).parent_path();
    options.state_directory = folder_->path() + "/state";
    options.version = "a \"quoted\\ version";
    options.train_program = test::program("thintail-train");
    options.server.listeners = {{.address = "127.0.0.1", .port = 0}};
    options.server.unix_path = folder_->path() + "/gateway.sock";
    options.server.front.rates.read = {1'000'000, 60};
    auto started = Gateway::start(std::move(options));
    ASSERT_TRUE(started.has_value()) << (started ? "" : started.error().message());
    gateway_ = started->release();
    // Until something of every kind has been seen: fills, gaps, all latencies.
    ASSERT_TRUE(test::eventually([] {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      const auto seen = read_exposition(metrics());
      const auto gaps = seen.samples.find("thintail_scheduling_gap_seconds_count");
      return gaps != seen.samples.end() && gaps->second > 0 && seen.types.contains("thintail_realised") &&
             seen.samples.contains("thintail_realised{currency=\"USD\"}");
    })) << metrics();
  }
  static void TearDownTestSuite() {
    delete gateway_;
    delete folder_;
    delete core_;
  }
  static test::HttpReply get(const std::string& target) {
    return test::http_over(folder_->path() + "/gateway.sock", "GET", target);
  }
  static std::string metrics() { return get("/metrics").body; }

  static inline test::LiveCore* core_ = nullptr;
  static inline test::TempFolder* folder_ = nullptr;
  static inline Gateway* gateway_ = nullptr;
};

TEST_F(RunningCore, its_metrics_are_valid_prometheus_text) {
  const std::string text = metrics();
  EXPECT_EQ(faults_of(text), "") << text;
}

TEST_F(RunningCore, threads_breakers_gaps_jobs_and_stages_are_in_it) {
  const Exposition seen = read_exposition(metrics());
  for (const char* thread : {"engine", "feed", "journal", "venue"}) {
    EXPECT_TRUE(seen.samples.contains(
        fmt::format("thintail_core_thread_cpu_seconds_total{{thread=\"{}\",mode=\"user\"}}", thread)))
        << thread;
  }
  const auto value = [&](const std::string& series) {
    const auto found = seen.samples.find(series);
    return found == seen.samples.end() ? std::nan("") : found->second;
  };
  const std::string engine = "thintail_core_thread_cpu_seconds_total{thread=\"engine\",mode=\"";
  for (const char* thread : {"http", "http worker", "core feed", "packs", "gaps", "jobs"}) {
    EXPECT_TRUE(seen.samples.contains(
        fmt::format("thintail_gateway_thread_cpu_seconds_total{{thread=\"{}\",mode=\"user\"}}", thread)))
        << thread;
  }
  EXPECT_TRUE(test::eventually([&] {
    const Exposition now = read_exposition(metrics());
    return now.samples.at(engine + "user\"}") + now.samples.at(engine + "system\"}") > 0;
  })) << "an engine that takes ticks needs time";
  EXPECT_GT(value("thintail_scheduling_gap_seconds_sum"), 0);
  for (const char* state : {"queued", "running", "succeeded", "failed", "cancelled", "interrupted"}) {
    EXPECT_EQ(value(fmt::format("thintail_jobs{{state=\"{}\"}}", state)), 0) << state;
  }
  for (const char* upstream : {"core", "journal"}) {
    double in_one = 0;
    for (const char* state : {"closed", "open", "half_open"}) {
      in_one += value(fmt::format("thintail_breaker_state{{upstream=\"{}\",state=\"{}\"}}", upstream, state));
    }
    EXPECT_EQ(in_one, 1) << upstream << " is in one state";
  }
  EXPECT_GT(value("thintail_stage_seconds_count{stage=\"tick_to_intent\"}"), 0);
  EXPECT_FALSE(std::isnan(value("thintail_gateway_lapped_total")));
  EXPECT_FALSE(std::isnan(value("thintail_core_observer_lapped_total")));
}

TEST_F(RunningCore, the_grafana_dashboard_asks_for_nothing_that_is_not_there) {
  const Exposition seen = read_exposition(metrics());
  const json dashboard = json::parse(text_of(deploy("grafana/thintail.json")), nullptr, false);
  ASSERT_TRUE(dashboard.is_object());
  std::vector<std::string> expressions;
  collect_expressions(dashboard["panels"], expressions);
  EXPECT_GE(expressions.size(), 18u);
  for (const std::string& expression : expressions) EXPECT_EQ(unknown_names(expression, seen), "") << expression;
  EXPECT_EQ(unknown_names("rate(thintail_made_up_total[1m])", seen), "thintail_made_up_total");
  EXPECT_EQ(unknown_names("thintail_latch_bucket", seen), "thintail_latch_bucket") << "a gauge has no buckets";
  std::set<int> ids;
  for (const json& panel : dashboard["panels"]) {
    EXPECT_TRUE(ids.insert(panel["id"].get<int>()).second) << panel["title"];
    EXPECT_LE(panel["gridPos"]["x"].get<int>() + panel["gridPos"]["w"].get<int>(), 24) << panel["title"];
  }
}

TEST_F(RunningCore, the_alert_rules_ask_for_nothing_that_is_not_there) {
  const Exposition seen = read_exposition(metrics());
  for (const char* name : {"prometheus/thintail-alerts.yml", "prometheus/thintail-alerts-test.yml"}) {
    const std::string text = text_of(deploy(name));
    ASSERT_NE(text, "") << name;
    EXPECT_EQ(unknown_names(text, seen), "") << name;
  }
}

TEST_F(RunningCore, promtool_finds_no_fault_in_the_metrics) {
  const std::string tool = promtool();
  if (tool.empty()) GTEST_SKIP() << "promtool is not installed (deploy/packages/long.txt: prometheus)";
  const std::string path = folder_->path() + "/metrics.txt";
  const auto check = [&](const std::string& text) {
    std::ofstream(path) << text;
    return test::Process({"/bin/sh", "-c", fmt::format("{} check metrics < {}", tool, path)}).wait();
  };
  const auto checked = check(metrics());
  EXPECT_EQ(checked.exit_code, 0) << checked.out << checked.err;
  EXPECT_NE(check("# TYPE a_total gauge\na_total 1\n").exit_code, 0) << "it can fail";
}

TEST(AlertRules, promtool_finds_no_fault_and_they_ring_when_they_should) {
  const std::string tool = promtool();
  if (tool.empty()) GTEST_SKIP() << "promtool is not installed (deploy/packages/long.txt: prometheus)";
  const auto checked = test::Process({tool, "check", "rules", deploy("prometheus/thintail-alerts.yml")}).wait();
  EXPECT_EQ(checked.exit_code, 0) << checked.out << checked.err;
  const auto tested = test::Process({tool, "test", "rules", deploy("prometheus/thintail-alerts-test.yml")}).wait();
  EXPECT_EQ(tested.exit_code, 0) << tested.out << tested.err;
  // The same tests over rules of which one was made deaf.
  const test::TempFolder folder;
  std::string deaf = text_of(deploy("prometheus/thintail-alerts.yml"));
  const std::string condition = "thintail_core_stale == 1";
  ASSERT_NE(deaf.find(condition), std::string::npos);
  deaf.replace(deaf.find(condition), condition.size(), "thintail_core_stale == 2");
  std::ofstream(folder.path() + "/thintail-alerts.yml") << deaf;
  std::ofstream(folder.path() + "/test.yml") << text_of(deploy("prometheus/thintail-alerts-test.yml"));
  EXPECT_NE(test::Process({tool, "test", "rules", folder.path() + "/test.yml"}).wait().exit_code, 0) << "it can fail";
}

TEST_F(RunningCore, the_gap_histogram_stands_beside_the_stages) {
  const json gaps = json::parse(get("/api/v1/latency").body, nullptr, false)["gaps"];
  ASSERT_TRUE(gaps.is_object()) << gaps;
  std::uint64_t sum = 0;
  std::uint64_t before = 0;
  for (const json& bucket : gaps["buckets"]) {
    ASSERT_EQ(bucket.size(), 2u);
    EXPECT_GT(bucket[0].get<std::uint64_t>(), before);
    before = bucket[0];
    sum += bucket[1].get<std::uint64_t>();
  }
  EXPECT_EQ(sum, gaps["count"].get<std::uint64_t>());
  EXPECT_LE(gaps["p50_ns"], gaps["p99_ns"]);
  EXPECT_LE(gaps["p99_ns"], gaps["p999_ns"]);
  EXPECT_GE(before, gaps["max_ns"].get<std::uint64_t>());
}

TEST_F(RunningCore, what_reads_files_does_not_hold_up_others) {
  for (const http::Route& route : gateway_->server().router().routes()) {
    if (route.pattern == "/metrics" || route.pattern.starts_with("/api/v1/jobs")) {
      EXPECT_TRUE(route.may_block) << route.pattern;
    }
  }
}

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kFriday = 1'398'988'800 * kSecond;  // 2014-05-02 00:00 UTC

std::string metrics_of(const CoreModel& model) { return metrics_text(model, {}, {}, {}, kFriday); }

TEST(ModelMetrics, a_quote_grows_old_only_while_its_instrument_trades) {
  CoreModel model;
  model.add_instrument(0, "XAUUSD@oanda", 3, 1'000'000, CalendarId::gold);
  model.add_instrument(1, "BTCUSD@sim", 2, 10'000'000, CalendarId::always);
  for (InstrumentModel& at : model.instruments) {
    at.has_quote = true;
    at.tick.time_ns = kFriday;
  }
  model.time_ns = kFriday + 30 * kSecond;
  EXPECT_NE(metrics_of(model).find("quote_age_seconds{instrument=\"XAUUSD@oanda\"} 30"), std::string::npos);
  model.time_ns = kFriday + 36 * 3'600 * kSecond;  // on Saturday
  EXPECT_EQ(metrics_of(model).find("quote_age_seconds{instrument=\"XAUUSD@oanda\"}"), std::string::npos);
  EXPECT_NE(metrics_of(model).find("quote_age_seconds{instrument=\"BTCUSD@sim\"}"), std::string::npos);
}

TEST(ModelMetrics, instruments_of_a_core_before_this_one_are_left_out) {
  CoreModel model;
  model.add_instrument(0, "XAUUSD@oanda", 3, 1'000'000, CalendarId::gold);
  model.begin_epoch(2);
  model.add_instrument(0, "BTCUSD@sim", 2, 10'000'000, CalendarId::always);
  ASSERT_EQ(model.instruments.size(), 2u);
  const std::string text = metrics_of(model);
  EXPECT_EQ(text.find("XAUUSD@oanda"), std::string::npos) << text;
  EXPECT_NE(text.find("BTCUSD@sim"), std::string::npos);
}

TEST(ModelMetrics, a_core_without_a_journal_lags_behind_none) {
  CoreModel model;
  CoreSample sample;
  sample.events_head = 500'000;
  sample.streams.push_back({.name = "events", .gates = {{.name = "report", .lag = 0}}});
  model.sample = sample;
  EXPECT_EQ(metrics_of(model).find("\nthintail_journal_lag_events "), std::string::npos);
  model.sample->streams.front().gates.push_back({.name = "journal", .lag = 0});
  EXPECT_NE(metrics_of(model).find("\nthintail_journal_lag_events 500000\n"), std::string::npos);
}

TEST(CoreCpus, others_are_those_that_no_thread_of_a_running_core_is_pinned_to) {
  EXPECT_EQ(cpus_left({0, 1, 2, 3}, {1, 3, 7}), (std::vector<int>{0, 2}));
  EXPECT_EQ(cpus_left({0, 1}, {1, 0}), (std::vector<int>{0, 1})) << "somewhere it has to run";
  EXPECT_EQ(cpus_left({0, 1}, {}), (std::vector<int>{0, 1}));
  SharedModel model;
  EXPECT_TRUE(pinned_cpus(model).empty());
  model.write([](CoreModel& seen) {
    seen.sample.emplace();
    seen.sample->state = CoreState::running;
    seen.sample->threads = {{.name = "engine", .state = shm::ThreadState::running, .cpu = 3},
                            {.name = "feed", .state = shm::ThreadState::running, .cpu = -1},
                            {.name = "venue", .state = shm::ThreadState::absent, .cpu = 1}};
  });
  EXPECT_EQ(pinned_cpus(model), std::vector<int>{3});
  model.write([](CoreModel& seen) { seen.sample->state = CoreState::dead; });
  EXPECT_TRUE(pinned_cpus(model).empty());
}

// The CPUs that a thread of ours may run on now, as the kernel writes them.
std::string cpus_of_thread(const std::string& name) {
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    if (text_of(task.path() / "comm") != name + "\n") continue;
    const std::string status = text_of(task.path() / "status");
    const std::string mark = "Cpus_allowed_list:\t";
    const std::size_t at = status.find(mark) + mark.size();
    return status.substr(at, status.find('\n', at) - at);
  }
  return {};
}

TEST(GapSampler, wakes_on_no_cpu_that_a_core_is_pinned_to) {
  std::vector<int> pinned = allowed_cpus();
  if (pinned.size() < 2) GTEST_SKIP() << "a machine of one CPU has no other";
  const std::string first = fmt::format("{}", pinned.front());
  pinned.erase(pinned.begin());
  GapSampler sampler;
  sampler.start([&] { return pinned; });
  ASSERT_TRUE(test::eventually([&] { return sampler.snapshot().count >= 16; }));
  EXPECT_EQ(cpus_of_thread("gaps"), first);
}

TEST(GapSampler, sleeps_but_for_a_few_wakes_and_ends_at_once) {
  GapSampler sampler;
  EXPECT_EQ(sampler.snapshot().count, 0u);
  sampler.start();
  ASSERT_TRUE(test::eventually([&] { return sampler.snapshot().count >= 8; }));
  const auto cores = static_cast<std::uint64_t>(std::thread::hardware_concurrency());
  EXPECT_LE(sampler.snapshot().count, 64 * cores) << "at most 64 a second";
  sampler.stop();
  const std::uint64_t count = sampler.snapshot().count;
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(sampler.snapshot().count, count);
}

}  // namespace
}  // namespace thintail::gateway
