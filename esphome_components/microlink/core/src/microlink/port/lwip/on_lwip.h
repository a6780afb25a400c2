// SPDX-License-Identifier: MIT
#pragma once

#include "lwip/priv/tcpip_priv.h"

namespace microlink::lwip {

/// Run a function where lwIP may be called, while this task waits: under the core lock, or on lwIP's own thread.
template<typename F> void on_lwip(F &&function) {
  struct Call {
    tcpip_api_call_data base;  // first: lwIP hands a pointer to it back
    F *function;
  } call{{}, &function};
  (void) tcpip_api_call(
      [](tcpip_api_call_data *data) -> err_t {
        (*reinterpret_cast<Call *>(data)->function)();
        return ERR_OK;
      },
      &call.base);
}

}  // namespace microlink::lwip
