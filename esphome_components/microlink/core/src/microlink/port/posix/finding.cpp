// SPDX-License-Identifier: MIT
#ifdef __linux__
#include "microlink/port/posix/finding.h"

namespace microlink::posix {

Result<IpAddress> find_address(Runner *runner, std::string_view peer) {
  if (const auto address = parse_ip(peer))
    return *address;
  if (runner == nullptr || runner->driven() == nullptr)
    return Error::NOT_READY;
  const auto found = runner->driven()->find(runner->tick(), peer);
  if (!found) {
    runner->drain();  // it may have asked control
    return found.error();
  }
  return found->ipv4.is_set() && (runner->has_v4_address() || !found->ipv6.is_set()) ? found->ipv4 : found->ipv6;
}

}  // namespace microlink::posix
#endif  // __linux__
