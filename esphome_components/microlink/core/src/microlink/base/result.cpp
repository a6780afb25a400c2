// SPDX-License-Identifier: MIT
#include "microlink/base/result.h"

namespace microlink {

const char *error_name(Error error) {
  switch (error) {
    case Error::NONE:
      return "none";
    case Error::TRUNCATED:
      return "truncated";
    case Error::MALFORMED:
      return "malformed";
    case Error::AUTH_FAILED:
      return "authentication failed";
    case Error::REPLAYED:
      return "replayed";
    case Error::UNEXPECTED:
      return "unexpected";
    case Error::UNKNOWN_PEER:
      return "unknown peer";
    case Error::NO_SPACE:
      return "no space";
    case Error::NOT_READY:
      return "not ready";
    case Error::CLOSED:
      return "closed";
    case Error::TIMED_OUT:
      return "timed out";
    case Error::REJECTED:
      return "rejected";
    case Error::UNTRUSTED:
      return "not trusted";
    case Error::COUNT:
      break;
  }
  return "?";
}

}  // namespace microlink
