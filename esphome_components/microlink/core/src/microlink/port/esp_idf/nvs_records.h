// SPDX-License-Identifier: MIT
#pragma once

#include <nvs.h>

#include "microlink/ports.h"

namespace microlink::esp_idf {

/// A node's records in the flash's key-value store, in a namespace of their own, each replaced atomically. A record
/// that has not changed is not written. Somebody must have called nvs_flash_init().
///
/// Written on the node's task and at once: what the client reserves there must be safe before it is used. The flash
/// stalls both cores meanwhile, whoever writes.
class NvsRecords {
 public:
  NvsRecords() = default;
  ~NvsRecords() { this->close(); }
  NvsRecords(const NvsRecords &) = delete;
  NvsRecords &operator=(const NvsRecords &) = delete;

  bool open();
  void close();
  /// Size of the record in `out`, 0 when it is not there.
  Result<size_t> load(Record record, ByteSpan out);
  Error store(Record record, ByteView bytes);
  Error erase(Record record);

  static constexpr char NAMESPACE[] = "microlink";

 private:
  nvs_handle_t handle_{0};
  bool is_open_{false};
};

}  // namespace microlink::esp_idf
