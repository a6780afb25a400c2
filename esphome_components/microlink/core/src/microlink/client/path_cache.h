// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/magicsock/magicsock.h"
#include "microlink/netmap/netmap.h"

namespace microlink::client {

/// Record::PATHS: where peers were reached last. Worth a ping at the next start, before control or a relay is there,
/// and no more than that: a path is used only once a pong proved it.
///
///     1 | (first 4 bytes of the node key | port u16 big-endian | size u8, 4 or 16 | address) …
///
/// How many bytes of `out` (MAX_RECORD_BYTES) hold the record; paths that do not fit are left out.
size_t write_path_cache(const netmap::Netmap &netmap, const magicsock::Magicsock &magicsock, ByteSpan out);
/// Tell magicsock of those whose peers are in the table. What is damaged ends the record.
void load_path_cache(Instant now, ByteView record, const netmap::Netmap &netmap, magicsock::Magicsock &magicsock);

}  // namespace microlink::client
