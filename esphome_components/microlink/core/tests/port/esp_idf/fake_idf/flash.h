// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "nvs.h"

namespace fake_idf {

/// The flash behind nvs.h, in memory. As on a chip a blob goes to free entries first, counts from its last entry on,
/// and only then is its predecessor taken away; the power may go between any two of these writes.
class Flash {
 public:
  static constexpr size_t ENTRY_BYTES = 32;
  static Flash &get();

  /// As new, and with so many entries.
  void reset(size_t capacity = 400);
  /// The power goes before the write with this number, from 0 on; what is called from then on fails.
  void cut_power_at(size_t write);
  /// After a cut: start again from what the flash holds. Handles are closed.
  void power_on();
  /// Turn a bit of a stored blob, which its check sum notices.
  void damage(const std::string &key);
  size_t writes();                           ///< of entries, and erasures
  size_t writes_of(const std::string &key);  ///< whole blobs
  size_t stored();                           ///< blobs
  bool holds(const std::string &key);
  bool was_cut();

  // Behind nvs.h.
  esp_err_t open(const char *name, nvs_handle_t &out);
  void close(nvs_handle_t handle);
  esp_err_t get(nvs_handle_t handle, const char *key, void *out, size_t &size);
  esp_err_t set(nvs_handle_t handle, const char *key, const void *bytes, size_t size);
  esp_err_t erase(nvs_handle_t handle, const char *key);

 private:
  struct Blob {
    std::string key;  ///< with its namespace
    std::vector<uint8_t> bytes;
    size_t entries;
    bool is_whole;
    bool is_damaged;
  };
  static constexpr size_t MAX_KEY = 15;
  bool write_();
  std::optional<std::string> full_key_(nvs_handle_t handle, const char *key);
  Blob *find_(const std::string &key);

  std::mutex mutex_;
  std::vector<Blob> blobs_;  ///< in the order in which they were written
  std::map<nvs_handle_t, std::string> open_;
  nvs_handle_t last_handle_{0};
  size_t capacity_{400};
  size_t writes_{0};
  std::map<std::string, size_t> written_;
  size_t left_{SIZE_MAX};  ///< writes until the power goes
};

}  // namespace fake_idf
