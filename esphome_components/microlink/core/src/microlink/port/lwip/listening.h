// SPDX-License-Identifier: MIT
#pragma once

#include <lwip/tcp.h>

namespace microlink::lwip {

/// A connection block that listens on `port` of every address; closed by the caller with tcp_close(). Null with `error`
/// ERR_USE when somebody listens there already, with another when there is no room.
tcp_pcb *listen_on(uint16_t port, err_t &error);

}  // namespace microlink::lwip
