// SPDX-License-Identifier: MIT
#include <nghttp2/nghttp2.h>

#include <string>

#include "microlink/http/hpack.h"

using namespace microlink;
using namespace microlink::http;

namespace {

struct Oracle {
  bool ok{false};
  std::string status;
};

/// nghttp2 with a table of size 0, as far as it agrees on what a section is.
Oracle inflate(ByteView block) {
  Oracle out;
  nghttp2_hd_inflater *inflater;
  if (nghttp2_hd_inflate_new(&inflater) != 0)
    __builtin_trap();
  nghttp2_hd_inflate_change_table_size(inflater, 0);
  out.ok = true;
  for (;;) {
    nghttp2_nv nv;
    int flags = 0;
    const ssize_t n = nghttp2_hd_inflate_hd2(inflater, &nv, &flags, block.data(), block.size(), 1);
    if (n < 0) {
      out.ok = false;
      break;
    }
    block = block.subspan(static_cast<size_t>(n));
    if (flags & NGHTTP2_HD_INFLATE_EMIT) {
      const std::string name(reinterpret_cast<char *>(nv.name), nv.namelen);
      if (name == ":status")
        out.status = std::string(reinterpret_cast<char *>(nv.value), nv.valuelen);
    }
    if ((flags & NGHTTP2_HD_INFLATE_FINAL) || (n == 0 && !(flags & NGHTTP2_HD_INFLATE_EMIT)))
      break;
  }
  nghttp2_hd_inflate_del(inflater);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const ByteView in(data, size);
  HpackDecoder whole;
  whole.begin();
  (void) whole.handle_bytes(in);
  const Error error = whole.finish();
  HpackDecoder single;
  single.begin();
  for (size_t i = 0; i != size; i++)
    (void) single.handle_bytes(in.subspan(i, 1));
  if (single.finish() != error || single.fields().status != whole.fields().status)
    __builtin_trap();
  // nghttp2 may insist on the table size update that we do not need; where both read it, they read the same.
  const Oracle oracle = inflate(in);
  if (error == Error::NONE && oracle.ok && whole.fields().status &&
      oracle.status != std::to_string(*whole.fields().status))
    __builtin_trap();
  if (error == Error::MALFORMED && oracle.ok && size < 4096)
    __builtin_trap();
  return 0;
}
