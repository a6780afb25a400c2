// SPDX-License-Identifier: MIT
#include "flash.h"

#include <algorithm>
#include <cstring>

namespace fake_idf {

Flash &Flash::get() {
  static auto &flash = *new Flash;
  return flash;
}

void Flash::reset(size_t capacity) {
  const std::lock_guard lock(this->mutex_);
  this->blobs_.clear();
  this->open_.clear();
  this->capacity_ = capacity;
  this->writes_ = 0;
  this->written_.clear();
  this->left_ = SIZE_MAX;
}

void Flash::cut_power_at(size_t write) {
  const std::lock_guard lock(this->mutex_);
  this->left_ = write;
}

void Flash::power_on() {
  const std::lock_guard lock(this->mutex_);
  this->open_.clear();
  this->left_ = SIZE_MAX;
  std::erase_if(this->blobs_, [](const Blob &each) { return !each.is_whole; });
  // Of two whole ones the later counts.
  for (size_t i = this->blobs_.size(); i != 0; i--) {
    const std::string key = this->blobs_[i - 1].key;
    const auto end = this->blobs_.begin() + static_cast<ptrdiff_t>(i - 1);
    const auto gone = std::remove_if(this->blobs_.begin(), end, [&](const Blob &each) { return each.key == key; });
    i -= static_cast<size_t>(end - gone);
    this->blobs_.erase(gone, end);
  }
}

void Flash::damage(const std::string &key) {
  const std::lock_guard lock(this->mutex_);
  for (Blob &each : this->blobs_)
    each.is_damaged = each.is_damaged || each.key.ends_with("/" + key);
}

size_t Flash::writes() {
  const std::lock_guard lock(this->mutex_);
  return this->writes_;
}

size_t Flash::writes_of(const std::string &key) {
  const std::lock_guard lock(this->mutex_);
  return this->written_["microlink/" + key];
}

bool Flash::was_cut() {
  const std::lock_guard lock(this->mutex_);
  return this->left_ == 0;
}

bool Flash::holds(const std::string &key) {
  const std::lock_guard lock(this->mutex_);
  return std::any_of(this->blobs_.begin(), this->blobs_.end(),
                     [&](const Blob &each) { return each.key.ends_with("/" + key); });
}

size_t Flash::stored() {
  const std::lock_guard lock(this->mutex_);
  return this->blobs_.size();
}

/// Whether the power was still there.
bool Flash::write_() {
  if (this->left_ == 0)
    return false;
  if (this->left_ != SIZE_MAX)
    this->left_--;
  this->writes_++;
  return true;
}

std::optional<std::string> Flash::full_key_(nvs_handle_t handle, const char *key) {
  const auto found = this->open_.find(handle);
  if (found == this->open_.end())
    return std::nullopt;
  return found->second + "/" + key;
}

Flash::Blob *Flash::find_(const std::string &key) {
  const auto found = std::find_if(this->blobs_.rbegin(), this->blobs_.rend(),
                                  [&](const Blob &each) { return each.key == key && each.is_whole; });
  return found == this->blobs_.rend() ? nullptr : &*found;
}

esp_err_t Flash::open(const char *name, nvs_handle_t &out) {
  const std::lock_guard lock(this->mutex_);
  if (this->left_ == 0)
    return ESP_ERR_NVS_NOT_INITIALIZED;
  out = ++this->last_handle_;
  this->open_[out] = name;
  return ESP_OK;
}

void Flash::close(nvs_handle_t handle) {
  const std::lock_guard lock(this->mutex_);
  this->open_.erase(handle);
}

esp_err_t Flash::get(nvs_handle_t handle, const char *key, void *out, size_t &size) {
  const std::lock_guard lock(this->mutex_);
  const auto full = this->full_key_(handle, key);
  if (!full)
    return ESP_ERR_NVS_INVALID_HANDLE;
  const Blob *found = this->find_(*full);
  if (found == nullptr)
    return ESP_ERR_NVS_NOT_FOUND;
  if (found->is_damaged)
    return ESP_FAIL;
  const size_t room = size;
  size = found->bytes.size();
  if (out == nullptr)
    return ESP_OK;
  if (room < size)
    return ESP_ERR_NVS_INVALID_LENGTH;
  if (size != 0)
    std::memcpy(out, found->bytes.data(), size);
  return ESP_OK;
}

esp_err_t Flash::set(nvs_handle_t handle, const char *key, const void *bytes, size_t size) {
  const std::lock_guard lock(this->mutex_);
  const auto full = this->full_key_(handle, key);
  if (!full)
    return ESP_ERR_NVS_INVALID_HANDLE;
  if (std::strlen(key) > MAX_KEY)
    return ESP_ERR_NVS_KEY_TOO_LONG;
  // A header, the data, and an index without which the rest is nothing.
  const size_t entries = 2 + (size + ENTRY_BYTES - 1) / ENTRY_BYTES;
  size_t used = 0;
  for (const Blob &each : this->blobs_)
    used += each.entries;
  if (used + entries > this->capacity_)
    return ESP_ERR_NVS_NOT_ENOUGH_SPACE;
  const auto *first = static_cast<const uint8_t *>(bytes);
  const size_t place = this->blobs_.size();
  for (size_t i = 0; i != entries; i++) {
    if (!this->write_())
      return ESP_FAIL;
    if (i == 0)
      this->blobs_.push_back({*full, {first, first + size}, entries, false, false});
  }
  this->blobs_[place].is_whole = true;
  this->written_[*full]++;
  const auto old = std::find_if(this->blobs_.begin(), this->blobs_.end(),
                                [&](const Blob &each) { return each.key == *full && &each != &this->blobs_[place]; });
  if (old == this->blobs_.end())
    return ESP_OK;
  if (!this->write_())
    return ESP_FAIL;
  this->blobs_.erase(old);
  return ESP_OK;
}

esp_err_t Flash::erase(nvs_handle_t handle, const char *key) {
  const std::lock_guard lock(this->mutex_);
  const auto full = this->full_key_(handle, key);
  if (!full)
    return ESP_ERR_NVS_INVALID_HANDLE;
  if (this->find_(*full) == nullptr)
    return ESP_ERR_NVS_NOT_FOUND;
  if (!this->write_())
    return ESP_FAIL;
  std::erase_if(this->blobs_, [&](const Blob &each) { return each.key == *full; });
  return ESP_OK;
}

}  // namespace fake_idf

using fake_idf::Flash;

extern "C" {
esp_err_t nvs_open(const char *name, nvs_open_mode_t, nvs_handle_t *out) { return Flash::get().open(name, *out); }
void nvs_close(nvs_handle_t handle) { Flash::get().close(handle); }
esp_err_t nvs_get_blob(nvs_handle_t handle, const char *key, void *out, size_t *size) {
  return Flash::get().get(handle, key, out, *size);
}
esp_err_t nvs_set_blob(nvs_handle_t handle, const char *key, const void *bytes, size_t size) {
  return Flash::get().set(handle, key, bytes, size);
}
esp_err_t nvs_erase_key(nvs_handle_t handle, const char *key) { return Flash::get().erase(handle, key); }
esp_err_t nvs_commit(nvs_handle_t) { return ESP_OK; }
}
