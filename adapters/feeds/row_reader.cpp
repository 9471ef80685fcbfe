// SPDX-License-Identifier: Apache-2.0
#include "adapters/feeds/row_reader.hpp"

namespace thintail {
namespace {

// No row of any format comes near it. A file without line ends must not be gathered into memory.
constexpr std::size_t kRowBytesMax = 4096;

class RowStream final : public RowReader {
 public:
  RowStream(std::unique_ptr<ByteSource> source, std::unique_ptr<RowParser> parser, std::string path)
      : source_(std::move(source)), parser_(std::move(parser)), path_(std::move(path)) {}

  ReadRows read(std::span<Tick> out) override {
    ReadRows done;
    if (joined_) {  // kept until now: the last fault may have pointed into it
      carry_.clear();
      joined_ = false;
    }
    while (done.ticks < out.size() && !done.is_bad && !ended_) {
      const std::span<Tick> room = out.subspan(done.ticks);
      if (piece_.empty()) next_piece();
      if (error_) break;
      if (!carry_.empty()) {
        join(room, done);
      } else if (!ended_) {
        const ParsedRows parsed = parser_->parse(piece_, false, rows_ + 1, room);
        piece_.remove_prefix(parsed.bytes);
        account(parsed, done);
        if (!parsed.is_bad && parsed.ticks < room.size()) start_carry();
      }
    }
    return done;
  }

  const std::optional<Error>& error() const noexcept override { return error_; }
  std::uint64_t consumed_bytes() const noexcept override { return source_->consumed_bytes(); }
  std::uint64_t header_lines() const noexcept override { return parser_->header_lines(); }

 private:
  void next_piece() {
    piece_ = source_->next();
    if (!piece_.empty()) return;
    ended_ = true;
    // A row that was cut together with the compressed stream is no row.
    error_ = source_->error();
  }

  // What is left of the piece is less than a row.
  void start_carry() {
    if (piece_.size() > kRowBytesMax) return refuse_long_row();
    carry_.assign(piece_);
    piece_ = {};
  }

  // Completes the row begun in carry_ with the head of the next piece, or takes it as the last row.
  void join(std::span<Tick> room, ReadRows& done) {
    const std::size_t carried = carry_.size();
    carry_.append(piece_.substr(0, kRowBytesMax));
    const ParsedRows parsed = parser_->parse(carry_, ended_, rows_ + 1, room.first(1));
    account(parsed, done);
    if (parsed.bytes != 0) {
      if (!ended_) piece_.remove_prefix(parsed.bytes - carried);
      if (done.is_bad) {
        joined_ = true;
      } else {
        carry_.clear();
      }
    } else if (carry_.size() > kRowBytesMax) {
      refuse_long_row();
    } else {
      piece_ = {};  // all of it is in carry_ now
    }
  }

  void account(const ParsedRows& parsed, ReadRows& done) {
    rows_ += parsed.rows;
    done.rows += parsed.rows;
    done.ticks += parsed.ticks;
    if (!parsed.is_bad) return;
    done.is_bad = true;
    done.fault = parsed.fault;
    done.line = rows_ + header_lines();
  }

  void refuse_long_row() {
    ended_ = true;
    error_ = Error{.code = ErrorCode::format_mismatch,
                   .doing = "reading ticks",
                   .file = path_,
                   .line = rows_ + 1 + header_lines(),
                   .field = "row",
                   .expected = "a row of at most 4096 bytes",
                   .found = "a longer one"};
  }

  std::unique_ptr<ByteSource> source_;
  std::unique_ptr<RowParser> parser_;
  std::string path_;
  std::string_view piece_;  // not yet parsed
  std::string carry_;       // a row's beginning, from earlier pieces
  bool joined_ = false;     // carry_ is used up
  bool ended_ = false;
  std::uint64_t rows_ = 0;
  std::optional<Error> error_;
};

}  // namespace

std::unique_ptr<RowReader> stream_rows(std::unique_ptr<ByteSource> source, std::unique_ptr<RowParser> parser,
                                       const std::string& path) {
  return std::make_unique<RowStream>(std::move(source), std::move(parser), path);
}

}  // namespace thintail
