// SPDX-License-Identifier: MIT
#include "microlink/client/identity.h"

namespace microlink::client {

Error Identity::load(Record record, ByteView bytes) {
  switch (record) {
    case Record::MACHINE_KEY:
      return this->machine_.load(bytes);
    case Record::NODE_KEY:
      return this->node_.load(bytes);
    case Record::PENDING_NODE_KEY:
      return this->pending_.load(bytes);
    default:
      return Error::UNEXPECTED;
  }
}

void Identity::complete(Random &random, bool &machine_is_new, bool &node_is_new) {
  machine_is_new = !this->machine_.is_set();
  if (machine_is_new) {
    this->machine_.generate(random);
    this->node_.clear();  // a node key belongs to its machine key: control refuses it with another
    this->pending_.clear();
  }
  node_is_new = !this->node_.is_set();
  if (node_is_new)
    this->node_.generate(random);
  if (this->pending_.public_key() == this->node_.public_key())
    this->pending_.clear();
}

void Identity::finish_rotation() {
  this->node_.copy_from(this->pending_);
  this->pending_.clear();
}

void Identity::forget_node() {
  this->node_.clear();
  this->pending_.clear();
}

ByteView Identity::export_record(Record record) const {
  switch (record) {
    case Record::MACHINE_KEY:
      return this->machine_.export_secret_bytes();
    case Record::NODE_KEY:
      return this->node_.export_secret_bytes();
    case Record::PENDING_NODE_KEY:
      return this->pending_.export_secret_bytes();
    default:
      return {};
  }
}

}  // namespace microlink::client
