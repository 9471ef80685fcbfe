// SPDX-License-Identifier: Apache-2.0
// thintail-gateway: what `thintail serve` becomes. Wiring only: configuration, signals, the first lines that it prints.
#include <fmt/format.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <thread>

#include "adapters/http/api_keys.hpp"
#include "adapters/http/secret_file.hpp"
#include "core/config/config.hpp"
#include "core/log/log.hpp"
#include "tools/gateway/gateway.hpp"

namespace {

using namespace thintail;

volatile std::sig_atomic_t g_stop_signal = 0;
void on_stop_signal(int number) { g_stop_signal = number; }

struct Arguments {
  std::string config_path;
  std::vector<std::string> sets;
  std::vector<std::string> instances;
  std::string shm_directory;
  std::string journal_directory;
  std::string state_directory;
  std::vector<std::string> models;  // "PATH", "INSTANCE=PATH"
  std::string bind = "127.0.0.1";
  std::uint16_t port = 8000;
  std::vector<std::string> other_listeners;  // "8001=market,trading,system"
  std::string unix_path;
  std::string certificate;
  std::string key;
  std::string keys_file;
  std::string jwt_secret_file;
  std::vector<std::string> hosts;
  std::vector<std::string> cors;
  std::vector<std::string> trusted_proxies;
  std::vector<std::string> symbols;
  std::vector<std::string> rate_limits;  // "read=5000"
  std::string bars;
  std::string replay_speed;
  std::string training_folder;
  std::string code_role = "none";
  bool is_public = false;
  bool ends_with_parent = false;
};

int report(const Error& error) {
  fmt::print(stderr, "error: {}\n  {}\n", error.message(), error_info(error.code).advice);
  return static_cast<int>(error_info(error.code).exit);
}

std::string in_capitals(std::string text) {
  for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return text;
}

Error bad_option(std::string_view option, std::string expected, const std::string& found) {
  return {.code = ErrorCode::usage,
          .doing = fmt::format("reading {}", option),
          .expected = std::move(expected),
          .found = '"' + printable(found) + '"'};
}

// "8001=market,trading"
Result<http::Listener> listener_of(const std::string& text, const std::string& bind) {
  const std::size_t mark = text.find('=');
  http::Listener listener;
  listener.address = bind;
  listener.is_bearer_only = true;
  unsigned port = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + std::min(mark, text.size()), port);
  if (mark == std::string::npos || fault != std::errc{} || end != text.data() + mark || port > 65'535) {
    return fail(bad_option("--also-listen", "PORT=TAG,TAG with tags of market, trading, system", text));
  }
  listener.port = static_cast<std::uint16_t>(port);
  for (std::size_t from = mark + 1; from <= text.size();) {
    const std::size_t comma = std::min(text.find(',', from), text.size());
    listener.tags.push_back(text.substr(from, comma - from));
    from = comma + 1;
  }
  return listener;
}

// "read=5000": so many requests in the class's window.
Result<void> set_rate_limit(http::RateLimitOptions& rates, const std::string& text) {
  const std::size_t mark = std::min(text.find('='), text.size());
  const std::string_view name = std::string_view(text).substr(0, mark);
  http::RateLimit* const limit = name == "read"      ? &rates.read
                                 : name == "data"    ? &rates.data
                                 : name == "trading" ? &rates.trading
                                                     : nullptr;
  std::int64_t requests = 0;
  const char* const end = text.data() + text.size();
  const char* const begin = std::min(text.data() + mark + 1, end);
  const auto [last, fault] = std::from_chars(begin, end, requests);
  if (limit == nullptr || fault != std::errc{} || last != end || requests <= 0) {
    return fail(bad_option("--rate-limit", "read=N, data=N or trading=N with N of at least 1", text));
  }
  limit->requests = requests;
  return {};
}

// Empty where it is not there.
std::string beside_us(const char* program) {
  std::error_code fault;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", fault);
  const auto path = self.parent_path() / program;
  return fault || ::access(path.c_str(), X_OK) != 0 ? std::string() : path.string();
}

Result<gateway::GatewayOptions> options_of(const Arguments& arguments) {
  std::vector<Override> overrides;
  for (const std::string& text : arguments.sets) {
    TT_TRY(Override one, parse_override(text));
    overrides.push_back(std::move(one));
  }
  const std::optional<std::filesystem::path> file =
      arguments.config_path.empty() ? std::nullopt : std::optional<std::filesystem::path>(arguments.config_path);
  TT_TRY(const Config config, load_config(file, overrides, thintail_environment()));
  const Settings& settings = config.settings;
  const auto chosen = [](const std::string& argument, const std::string& setting) {
    return argument.empty() ? setting : argument;
  };
  gateway::GatewayOptions options;
  options.instance = settings.core.instance;
  options.instances = arguments.instances;
  options.shm_directory = chosen(arguments.shm_directory, settings.shm.directory);
  options.journal_directory = chosen(arguments.journal_directory, settings.journal.directory);
  options.state_directory = arguments.state_directory;
  options.model_path = settings.model.path;
  for (const std::string& text : arguments.models) {
    const std::size_t mark = std::min(text.find('='), text.size());
    const std::string name = text.substr(0, mark);
    if (std::ranges::find(options.instances, name) != options.instances.end() && mark < text.size()) {
      options.model_paths[name] = text.substr(mark + 1);
    } else {
      options.model_path = text;
    }
  }
  options.bars_directory = arguments.bars;
  options.bar_sources = settings.sources;
  options.replay_speed = arguments.replay_speed;
  options.training_folder = arguments.training_folder;
  options.train_program = beside_us("thintail-train");
  options.config_path = arguments.config_path;
  options.version = THINTAIL_VERSION;
  for (const std::string& text : arguments.symbols) {
    const std::size_t mark = text.find('=');
    if (mark == std::string::npos) return fail(bad_option("--symbol", "SPELLING=SYMBOL", text));
    options.symbol_map[in_capitals(text.substr(0, mark))] = text.substr(mark + 1);
  }
  http::ServerOptions& server = options.server;
  server.listeners.clear();
  server.listeners.push_back({.address = arguments.bind, .port = arguments.port});
  for (const std::string& text : arguments.other_listeners) {
    TT_TRY(http::Listener other, listener_of(text, arguments.bind));
    server.listeners.push_back(std::move(other));
  }
  server.unix_path = arguments.unix_path;
  if (!arguments.certificate.empty()) server.tls = http::TlsFiles{arguments.certificate, arguments.key};
  server.workers = 4;
  const http::Environment environment = http::process_environment();
  server.front.access.keys_path =
      arguments.keys_file.empty() ? http::default_keys_path(environment) : arguments.keys_file;
  server.front.access.has_public_read = arguments.is_public;
  TT_TRY(const auto secret, http::find_secret("jwt_secret", arguments.jwt_secret_file, environment));
  if (secret) server.front.access.jwt.secrets[""] = *secret;
  server.front.origins.hosts = arguments.hosts;
  server.front.origins.cors_origins = arguments.cors;
  for (const std::string& text : arguments.trusted_proxies) {
    TT_TRY(const http::Network network, http::parse_network(text));
    server.front.trusted_proxies.push_back(network);
  }
  for (const std::string& text : arguments.rate_limits) TT_TRY_VOID(set_rate_limit(server.front.rates, text));
  return options;
}

void print_ways_in(const gateway::GatewayOptions& options, http::Server& server, const Arguments& arguments) {
  const char* scheme = server.is_tls() ? "https" : "http";
  // Of several instances each has its page; the links name the first.
  const std::string prefix = options.instances.size() > 1 ? "/i/" + options.instances.front() : std::string();
  const std::string base = fmt::format("{}://{}:{}{}", scheme, arguments.bind, server.port(), prefix);
  if (const auto role = http::role_from_name(arguments.code_role); role && *role != http::Role::none) {
    fmt::print("dashboard  {}/#code={}\n           good once, for 5 minutes, as {}\n", base, server.issue_code(*role),
               http::role_name(*role));
    if (std::getenv("SSH_CONNECTION") != nullptr) {
      fmt::print("           from your own machine: ssh -L {0}:127.0.0.1:{0} THIS_HOST\n", server.port());
    }
  } else {
    fmt::print("gateway    {}\n", base);
  }
  if (!options.server.unix_path.empty()) {
    fmt::print("curl       curl --unix-socket {} http://localhost{}/api/v1/quotes\n", options.server.unix_path, prefix);
  }
  std::fflush(stdout);
}

Result<ExitCode> serve(const Arguments& arguments) {
  std::signal(SIGPIPE, SIG_IGN);
  if (arguments.ends_with_parent) ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  TT_TRY_VOID(log::start({}));
  TT_TRY(gateway::GatewayOptions options, options_of(arguments));
  TT_TRY(const auto running, gateway::Gateway::start(options, http::Assets(http::embedded_files())));
  struct sigaction action{};
  action.sa_handler = on_stop_signal;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGHUP, &action, nullptr);
  print_ways_in(options, running->server(), arguments);
  for (unsigned turn = 1; g_stop_signal == 0; ++turn) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    if (turn % 20 == 0) running->tend();
  }
  running->drain();
  log::info("the gateway has ended in order");
  log::stop();
  return ExitCode::ok;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    CLI::App app{"The gateway: REST, WebSocket and dashboard of a running core", "thintail serve"};
    Arguments arguments;
    app.add_option("--config", arguments.config_path, "The core's configuration file (TOML)");
    app.add_option("--set", arguments.sets, "One setting over file and environment")->type_name("SECTION.KEY=VALUE");
    app.add_option("--instance", arguments.instances,
                   "Which core; several, each under /i/NAME/, where it is given again or as a list")
        ->delimiter(',')
        ->type_name("NAME[,NAME]");
    app.add_option("--shm-directory", arguments.shm_directory, "Where its segment lies");
    app.add_option("--journal-directory", arguments.journal_directory,
                   "Where its journals lie: history, and the kill latch");
    app.add_option("--state-directory", arguments.state_directory, "Where the gateway keeps what must outlive it");
    app.add_option("--model", arguments.models,
                   "Where else than in its store a core's model lies; with a name in front, of that instance only")
        ->type_name("[INSTANCE=]PATH");
    app.add_option("--bind", arguments.bind, "Address; any but loopback needs TLS and a credential");
    app.add_option("--port", arguments.port, "Port; 0: any free one");
    app.add_option("--also-listen", arguments.other_listeners, "Another port for some routes, bearer only")
        ->type_name("PORT=TAG,TAG");
    app.add_option("--unix", arguments.unix_path, "Unix socket too; its owner needs no key");
    auto* certificate = app.add_option("--tls-certificate", arguments.certificate, "PEM file: TLS");
    auto* key = app.add_option("--tls-key", arguments.key, "PEM file of mode 0600");
    certificate->needs(key);
    key->needs(certificate);
    app.add_option("--keys", arguments.keys_file, "File of API keys and users (thintail keys)");
    app.add_option("--jwt-secret-file", arguments.jwt_secret_file, "File of mode 0600 with the secret of HS256 tokens");
    app.add_option("--host", arguments.hosts, "A name that clients know us by, besides loopback's");
    app.add_option("--cors-origin", arguments.cors, "Another origin whose pages may read with a token");
    app.add_option("--trusted-proxy", arguments.trusted_proxies, "Address or network whose X-Forwarded-* is believed");
    app.add_option("--symbol", arguments.symbols, "Another spelling of a symbol")->type_name("SPELLING=SYMBOL");
    app.add_option("--rate-limit", arguments.rate_limits,
                   "Requests that one credential may make in its class's window: read 1000 a minute, data 1000 and "
                   "trading 100 an hour where it is left out")
        ->type_name("CLASS=N");
    app.add_option(
           "--bars", arguments.bars,
           "Folder of bar files for history before the journals: FILE, or INSTRUMENT/FILE where the name does not tell")
        ->type_name("FOLDER");
    app.add_option("--replay-speed", arguments.replay_speed, "What to show as the replay's speed");
    app.add_option("--training-folder", arguments.training_folder, "Tick files that models/retrain may name");
    app.add_option("--print-code", arguments.code_role, "Print a one-use link for a browser: viewer, trader or admin");
    app.add_flag("--public-read", arguments.is_public, "Market data without credentials, 60 requests a minute");
    app.add_flag("--end-with-parent", arguments.ends_with_parent, "End when the starting process does");
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError& parse) {
      if (parse.get_exit_code() == 0) return app.exit(parse);
      return report({.code = ErrorCode::usage, .doing = "reading the command line", .found = printable(parse.what())});
    }
    const Result<ExitCode> outcome = serve(arguments);
    return outcome ? static_cast<int>(*outcome) : report(outcome.error());
  } catch (const std::exception& exception) {
    return report({.code = ErrorCode::internal, .doing = exception.what()});
  }
}
