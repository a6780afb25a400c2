// SPDX-License-Identifier: MIT
/// Key texts: what parses is written the same but for the case of its digits.
#include "microlink/base/text.h"
#include "microlink/keys/keys.h"

using namespace microlink;

namespace {

template<typename Key> void check(std::string_view text) {
  const auto key = Key::parse(text);
  if (!key) {
    if (key.error() != Error::MALFORMED)
      __builtin_trap();
    return;
  }
  if (!equal_ignoring_case(key->to_text(), text))
    __builtin_trap();
  if (key->short_form().size() < 7)
    __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const std::string_view text = as_text({data, size});
  check<MachinePublic>(text);
  check<NodePublic>(text);
  check<DiscoPublic>(text);
  return 0;
}
