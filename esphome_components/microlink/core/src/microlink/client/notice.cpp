// SPDX-License-Identifier: MIT
#include "microlink/client/notice.h"

#include <algorithm>

namespace microlink::client {

namespace {

constexpr std::string_view OPEN_PAGE = "the coordination server asks you to open ";
constexpr uint32_t PAGE_ID = 1;
constexpr std::string_view LITTLE_MEMORY =
    "not enough memory for an encrypted connection (TLS): allow fewer peers (max_peers), or let the device do less";
static_assert(OPEN_PAGE.size() + MAX_URL_BYTES <= JSON_MAX_TEXT_BYTES);

}  // namespace

bool Notice::assign_little_memory() {
  if (this->is_little_memory())
    return false;
  this->assign(LITTLE_MEMORY);
  return true;
}

bool Notice::take_back_little_memory() {
  if (!this->is_little_memory())
    return false;
  this->clear();
  return true;
}

bool Notice::is_little_memory() const { return this->view() == LITTLE_MEMORY; }

bool Notice::assign_page(std::string_view url) {
  const bool is_page = url.starts_with("https://") || url.starts_with("http://");
  const bool is_plain = std::all_of(url.begin(), url.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  if (!is_page || !is_plain || url.size() > MAX_URL_BYTES || url == this->page())
    return false;
  this->assign(OPEN_PAGE);
  this->append(url);
  this->id_ = PAGE_ID;
  return true;
}

bool Notice::take_back(uint32_t id) {
  if (id != this->id_ || id == 0)
    return false;
  this->clear();
  return true;
}

std::string_view Notice::page() const {
  return this->id_ == PAGE_ID ? this->view().substr(OPEN_PAGE.size()) : std::string_view();
}

}  // namespace microlink::client
