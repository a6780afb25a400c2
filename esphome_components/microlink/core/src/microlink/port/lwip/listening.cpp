// SPDX-License-Identifier: MIT
#ifdef MICROLINK_LWIP
#include "microlink/port/lwip/listening.h"

namespace microlink::lwip {

tcp_pcb *listen_on(uint16_t port, err_t &error) {
  tcp_pcb *const pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);
  error = ERR_MEM;
  if (pcb == nullptr)
    return nullptr;
  ip_set_option(pcb, SOF_REUSEADDR);  // connections of an earlier listener may linger
  error = tcp_bind(pcb, IP_ANY_TYPE, port);
  tcp_pcb *listening = nullptr;
  if (error == ERR_OK)
    listening = tcp_listen_with_backlog_and_err(pcb, TCP_DEFAULT_LISTEN_BACKLOG, &error);
  if (listening == nullptr)
    (void) tcp_close(pcb);
  return listening;
}

}  // namespace microlink::lwip

#endif  // MICROLINK_LWIP
