// SPDX-License-Identifier: MIT
#ifdef ESP_PLATFORM
#include "microlink/port/esp_idf/nvs_records.h"

#include <algorithm>

#include "microlink/base/secret.h"

namespace microlink::esp_idf {

namespace {

/// NVS has keys of 15 characters; one name is longer.
const char *key_of(Record record) { return record == Record::PENDING_NODE_KEY ? "next-node-key" : record_name(record); }

}  // namespace

bool NvsRecords::open() {
  if (!this->is_open_)
    this->is_open_ = nvs_open(NAMESPACE, NVS_READWRITE, &this->handle_) == ESP_OK;
  return this->is_open_;
}

void NvsRecords::close() {
  if (this->is_open_)
    nvs_close(this->handle_);
  this->is_open_ = false;
}

Result<size_t> NvsRecords::load(Record record, ByteSpan out) {
  if (!this->is_open_)
    return Error::NOT_READY;
  size_t size = out.size();
  const esp_err_t error = nvs_get_blob(this->handle_, key_of(record), out.data(), &size);
  if (error == ESP_ERR_NVS_NOT_FOUND)
    return size_t{0};
  if (error == ESP_ERR_NVS_INVALID_LENGTH)
    return Error::NO_SPACE;
  if (error != ESP_OK)
    return Error::MALFORMED;
  return size;
}

Error NvsRecords::store(Record record, ByteView bytes) {
  if (!this->is_open_)
    return Error::NOT_READY;
  Secret<MAX_RECORD_BYTES> old;
  const auto size = this->load(record, old.writable());
  if (size && *size != 0 && std::ranges::equal(ByteView(old.writable()).first(*size), bytes))
    return Error::NONE;
  esp_err_t error = nvs_set_blob(this->handle_, key_of(record), bytes.data(), bytes.size());
  if (error == ESP_OK)
    error = nvs_commit(this->handle_);
  return error == ESP_OK ? Error::NONE : Error::NO_SPACE;
}

Error NvsRecords::erase(Record record) {
  if (!this->is_open_)
    return Error::NOT_READY;
  const esp_err_t error = nvs_erase_key(this->handle_, key_of(record));
  if (error == ESP_ERR_NVS_NOT_FOUND)
    return Error::NONE;
  return error == ESP_OK && nvs_commit(this->handle_) == ESP_OK ? Error::NONE : Error::NO_SPACE;
}

}  // namespace microlink::esp_idf
#endif  // ESP_PLATFORM
