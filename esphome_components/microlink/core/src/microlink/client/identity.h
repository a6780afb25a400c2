// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/keys/keys.h"
#include "microlink/ports.h"

namespace microlink::client {

/// The node's long-lived keys and how they are kept. A rotation is in storage as a whole at every step, so that a power
/// cut never loses the identity (the steps are tested one by one):
///
///   1. PENDING_NODE_KEY = next              cut here: next start asks control for it, without an auth key, and goes on
///                                           with the old one when control says that it does not know it
///   2. control accepts next
///   3. NODE_KEY = next                      cut before: as 1, and control says yes again
///   4. PENDING_NODE_KEY erased              cut before: pending equals the node key and is dropped
class Identity {
 public:
  /// A record from storage; anything that is not a key is ignored (UNEXPECTED, MALFORMED).
  Error load(Record record, ByteView bytes);
  /// Make what is missing; says which records have to be stored.
  void complete(Random &random, bool &machine_is_new, bool &node_is_new);

  const MachinePrivate &machine() const { return this->machine_; }
  const NodePrivate &node() const { return this->node_; }
  const NodePrivate &pending() const { return this->pending_; }
  bool is_rotating() const { return this->pending_.is_set(); }

  /// Step 1.
  void begin_rotation(Random &random) { this->pending_.generate(random); }
  /// Step 3: the pending key is the node key.
  void finish_rotation();
  void abandon_rotation() { this->pending_.clear(); }
  /// The node is gone for good (logout): forget the node key, keep the machine key.
  void forget_node();

  /// What a record holds now; empty for one that is not this class's.
  ByteView export_record(Record record) const;

 private:
  MachinePrivate machine_;
  NodePrivate node_;
  NodePrivate pending_;
};

}  // namespace microlink::client
