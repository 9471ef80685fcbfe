// SPDX-License-Identifier: Apache-2.0
// Assets: the files of the dashboard, held in the program, compressed when it was built.
//   path       warm: one look-up; a path is a key, never a place on a disk
//   threads    any; nothing changes after make()
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/http/route.hpp"

namespace thintail::http {

// One file as the build left it (embed_assets.cmake).
struct EmbeddedFile {
  std::string_view path;    // "assets/index-3f9a1c20.js"
  std::string_view plain;
  std::string_view gzip;    // empty where it would not be smaller
};

// What thintail_embed_assets() made part of the program; defined there.
std::span<const EmbeddedFile> embedded_files();

class Assets {
 public:
  Assets() = default;
  // "index.html" also answers "/".
  explicit Assets(std::span<const EmbeddedFile> files);

  // The reply to GET or HEAD; nothing where no file has this path. A name with a hash in it may be kept for ever, others are
  // asked for again with their ETag.
  std::optional<Response> find(std::string_view path, std::string_view accept_encoding,
                               std::string_view if_none_match) const;
  std::size_t count() const noexcept { return files_.size(); }

 private:
  struct File {
    std::shared_ptr<const std::string> plain;
    std::shared_ptr<const std::string> gzip;  // null: none
    std::string etag;
    std::string content_type;
    bool is_immutable = false;
  };

  std::map<std::string, File, std::less<>> files_;
};

// By the name's ending.
std::string_view content_type_of(std::string_view path) noexcept;
// Whether the name holds a hash of its content, as bundlers write it: "index-3f9a1c20.js".
bool has_hashed_name(std::string_view path) noexcept;
// Whether an Accept-Encoding header lets gzip be sent.
bool accepts_gzip(std::string_view accept_encoding) noexcept;

}  // namespace thintail::http
