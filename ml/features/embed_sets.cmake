# Writes OUT, a C++ source that holds the files SETS (a list separated by |) as texts: cmake -DOUT=... -DSETS=... -P
# embed_sets.cmake
string(REPLACE "|" ";" files "${SETS}")
set(source "// Generated from ml/features/sets by embed_sets.cmake.\n#include \"ml/features/built_in_sets.hpp\"\n\n")
string(APPEND source "namespace thintail {\nnamespace {\n\nconstexpr BuiltInSet kSets[] = {\n")
foreach(file ${files})
  file(READ ${file} text)
  get_filename_component(name ${file} NAME_WE)
  # The text may hold semicolons and brackets: it is only ever quoted.
  string(APPEND source "    {\"${name}\", R\"toml(${text})toml\"},\n")
endforeach()
string(APPEND source "};\n\n}  // namespace\n\nstd::span<const BuiltInSet> built_in_sets() noexcept { return kSets; }\n\n")
string(APPEND source "}  // namespace thintail\n")
file(WRITE ${OUT} "${source}")
