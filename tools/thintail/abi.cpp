// SPDX-License-Identifier: Apache-2.0
// `thintail abi`: the layout of shared memory, for readers in other languages; --update writes the committed copies.
#include "tools/abi/layout.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tools/thintail/commands.hpp"

namespace thintail {
namespace {

struct AbiArguments {
  bool json = false;
  bool c_header = false;
  bool python = false;
  bool markdown = false;
  std::string update;
};

Result<void> write_file(const std::filesystem::path& path, const std::string& text) {
  errno = 0;
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (file) return {};
  return fail({.code = ErrorCode::file_unwritable,
               .doing = "writing a description of the layout",
               .file = path.string(),
               .found = std::strerror(errno)});
}

// Replaces what lies between the marks of docs/abi.md.
Result<void> update_document(const std::filesystem::path& path, const std::string& tables) {
  constexpr std::string_view kBegin = "<!-- begin generated: thintail abi --markdown -->\n";
  constexpr std::string_view kEnd = "<!-- end generated -->";
  std::ifstream file(path, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(file), {});
  const std::size_t begin = text.find(kBegin);
  const std::size_t end = text.find(kEnd);
  if (begin == std::string::npos || end == std::string::npos || end < begin) {
    return fail({.code = ErrorCode::format_mismatch,
                 .doing = "updating the layout's document",
                 .file = path.string(),
                 .expected = fmt::format("the marks {} and {}", kBegin.substr(0, kBegin.size() - 1), kEnd),
                 .found = text.empty() ? "no such file" : "not both, in that order"});
  }
  const std::size_t from = begin + kBegin.size();
  return write_file(path, text.replace(from, end - from, tables));
}

Result<void> update(const std::filesystem::path& root, const abi::Layout& layout) {
  TT_TRY_VOID(write_file(root / "docs/abi/layout.json", abi::to_json(layout)));
  TT_TRY_VOID(write_file(root / "docs/abi/thintail.h", abi::to_c_header(layout)));
  TT_TRY_VOID(write_file(root / "deploy/python/thintail_reader.py", abi::to_python_reader(layout)));
  return update_document(root / "docs/abi.md", abi::to_markdown(layout));
}

Result<ExitCode> print(const AbiArguments& arguments) {
  TT_TRY(const abi::Layout layout, abi::layout_of_this_build());
  if (!arguments.update.empty()) {
    TT_TRY_VOID(update(arguments.update, layout));
    fmt::print("layout {}.{} hash {:016x} written under {}\n", layout.major, layout.minor, layout.layout_hash,
               arguments.update);
    return ExitCode::ok;
  }
  const std::string text = arguments.json       ? abi::to_json(layout)
                           : arguments.c_header ? abi::to_c_header(layout)
                           : arguments.python   ? abi::to_python_reader(layout)
                                                : abi::to_markdown(layout);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return ExitCode::ok;
}

}  // namespace

void add_abi(CLI::App& app, Action& chosen) {
  auto* command = app.add_subcommand("abi", "The layout of shared memory, for readers in other languages");
  auto arguments = std::make_shared<AbiArguments>();
  auto* form = command->add_option_group("form");
  form->add_flag("--json", arguments->json, "Every struct, field, offset and value: docs/abi/layout.json");
  form->add_flag("--c-header", arguments->c_header, "A C11 header with inline readers: docs/abi/thintail.h");
  form->add_flag("--python", arguments->python, "A reader with numpy: deploy/python/thintail_reader.py");
  form->add_flag("--markdown", arguments->markdown, "Tables, which is the default: a part of docs/abi.md");
  form->add_option("--update", arguments->update, "Write all of these under this folder, the repository's root");
  form->require_option(0, 1);
  command->callback([arguments, &chosen] { chosen = [arguments] { return print(*arguments); }; });
}

}  // namespace thintail
