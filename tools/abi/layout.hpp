// SPDX-License-Identifier: Apache-2.0
// Layout: every struct, field, enum and constant that a reader of shared memory in another language has to know.
//   path       cold
//   invariant  nothing is typed in twice: offsets, sizes and types come from the C++ members themselves, enum values
//              from the compiler, regions and the layout hash from a segment that the daemon's own code laid out.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"

namespace thintail::abi {

struct Field {
  std::string name{};
  std::string type{};  // u8 u16 u32 u64 i8 i16 i32 i64 f32 char, or the name of a struct
  std::size_t offset = 0;
  std::size_t size = 0;   // of all elements
  std::size_t count = 1;  // elements; more than 1: an array
  std::string enumeration{};  // the enum whose values it takes; empty: none
  std::string form{};         // how a payload's member is to be read: decimal_e9, ns, real, ...; empty elsewhere
  bool atomic = false;      // changes while others read it
};

struct Struct {
  std::string name{};
  std::size_t size = 0;
  std::size_t alignment = 0;
  int event_type = -1;  // the EventType whose payload it is; -1: none
  std::vector<Field> fields{};  // by offset; what lies between them is padding, zero
};

struct Enumerator {
  std::string name{};
  std::uint64_t value = 0;
};

struct Enum {
  std::string name{};
  std::string type{};
  bool flags = false;  // values are bits
  std::vector<Enumerator> values{};
};

struct Constant {
  std::string name{};
  std::uint64_t value = 0;
  std::string meaning{};
};

struct RegionKind {
  std::string name{};
  std::string element_type{};  // an enumerator of ElementType
  std::uint64_t element_bytes = 0;
  std::string header{};   // the struct at its start; empty: elements from the first byte
  std::string element{};  // the struct of each element
};

struct Layout {
  unsigned major = 0;
  unsigned minor = 0;
  std::uint64_t layout_hash = 0;
  std::vector<Constant> constants{};
  std::vector<Enum> enums{};
  std::vector<Struct> structs{};  // one that is part of another comes first
  std::vector<RegionKind> regions{};
  std::array<std::byte, 64> cell{};  // of a stream, holding a Tick: the worked example

  // REQUIRES: there is one of that name.
  const Struct& of(std::string_view name) const;
};

// The layout of this build. Makes a small segment in a temporary folder, for what only a segment can tell.
Result<Layout> layout_of_this_build();

// The forms in which it is committed: docs/abi/layout.json, docs/abi/thintail.h, deploy/python/thintail_reader.py and
// the generated part of docs/abi.md.
std::string to_json(const Layout& layout);
std::string to_c_header(const Layout& layout);
std::string to_python_reader(const Layout& layout);
std::string to_markdown(const Layout& layout);

// "InstrumentNameRow" to "instrument_name_row".
std::string snake_case(std::string_view pascal_case);

}  // namespace thintail::abi
