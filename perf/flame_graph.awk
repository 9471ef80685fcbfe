# SPDX-License-Identifier: Apache-2.0
# Folded stacks ("outer;inner count", sorted) to a flame graph: SVG with a tooltip on every frame.
#   usage  awk -f flame_graph.awk -v title=TEXT FILE.folded >FILE.svg
# Sorted, the stacks of one caller stand together: a frame lasts until a line differs at its depth or above it.

function escaped(text) {
  gsub(/&/, "\\&amp;", text)
  gsub(/</, "\\&lt;", text)
  gsub(/>/, "\\&gt;", text)
  return text
}

# Ours are warm, everything else is grey, and a name always has the same shade.
function colour(name,   i, sum) {
  for (i = 1; i <= length(name); i += 3) sum = (sum * 31 + index(alphabet, substr(name, i, 1))) % 997
  return index(name, "thintail") ? sprintf("hsl(%d,85%%,%d%%)", 15 + sum % 35, 55 + sum % 11) \
                                 : sprintf("hsl(210,8%%,%d%%)", 70 + sum % 15)
}

function close_frames(from,   depth) {
  for (depth = open_frames; depth >= from; depth--) {
    frames++
    frame_name[frames] = open_name[depth]
    frame_from[frames] = open_from[depth]
    frame_samples[frames] = position - open_from[depth]
    frame_depth[frames] = depth
    if (depth > deepest) deepest = depth
  }
}

BEGIN {
  alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:<>(), "
  width = 1200
  row = 17
}

{
  samples = $NF
  sub(/ [0-9]+$/, "")
  depth_count = split($0, names, ";")
  same = 0
  while (same < open_frames && same < depth_count && open_name[same + 1] == names[same + 1]) same++
  close_frames(same + 1)
  for (depth = same + 1; depth <= depth_count; depth++) {
    open_name[depth] = names[depth]
    open_from[depth] = position
  }
  open_frames = depth_count
  position += samples
}

END {
  close_frames(1)
  height = (deepest + 2) * row
  printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"monospace\" font-size=\"11\">\n",
         width, height
  printf "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/><text x=\"4\" y=\"13\">%s, %d samples</text>\n",
         escaped(title), position
  for (i = 1; i <= frames; i++) {
    frame_width = frame_samples[i] * width / position
    if (frame_width < 0.3) continue
    x = frame_from[i] * width / position
    y = height - frame_depth[i] * row
    printf "<g><title>%s: %d samples, %.2f %%</title>", escaped(frame_name[i]), frame_samples[i],
           100 * frame_samples[i] / position
    printf "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" rx=\"1\" fill=\"%s\"/>", x, y, frame_width - 0.2,
           row - 1, colour(frame_name[i])
    # 6.7 px a letter; a name cut to nothing helps nobody
    letters = int((frame_width - 4) / 6.7)
    if (letters >= 4) printf "<text x=\"%.1f\" y=\"%d\">%s</text>", x + 2, y + 12, escaped(substr(frame_name[i], 1, letters))
    print "</g>"
  }
  print "</svg>"
}
