// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/fixed_string.h"
#include "microlink/capacity.h"

namespace microlink::client {

/// The one line that a person is shown: what is wrong and what to do. It is our own, or the last that control said on
/// the map stream, which stays until control takes it back, says another or begins a new stream. A later line of
/// either kind takes the place of an earlier one.
class Notice {
 public:
  // Our own.
  void assign(std::string_view text) {
    this->id_ = 0;
    this->text_.assign(text);
  }
  void append(std::string_view text) { this->text_.append(text); }
  void clear() { this->assign({}); }
  /// There was no memory for a TLS handshake. False when that is shown already.
  bool assign_little_memory();
  /// There was some for the next one. Whether the lack of it was shown.
  bool take_back_little_memory();
  bool is_little_memory() const;

  // Control's.

  /// `id` as in tailcfg::MapSink::health().
  void assign_health(std::string_view text, uint32_t id) {
    this->text_.assign(text);
    this->id_ = id;
  }
  /// A page that control wants to be opened. False when it is no URL that a person could be shown, or shown already.
  bool assign_page(std::string_view url);
  /// Control takes back what has this id; whether that was shown.
  bool take_back(uint32_t id);
  /// Control takes back all that it has said; whether any of it was shown.
  bool take_back_all() { return this->take_back(this->id_); }
  bool is_of_control() const { return this->id_ != 0; }
  /// Of assign_page(); empty when something else is shown.
  std::string_view page() const;

  bool empty() const { return this->text_.empty(); }
  std::string_view view() const { return this->text_; }
  const char *c_str() const { return this->text_.c_str(); }

 private:
  FixedString<JSON_MAX_TEXT_BYTES> text_;
  uint32_t id_{0};  ///< 0 = our own
};

}  // namespace microlink::client
