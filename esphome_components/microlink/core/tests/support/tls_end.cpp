// SPDX-License-Identifier: MIT
#include "tests/support/tls_end.h"

#include "tests/tls/server.h"

namespace microlink::testing {

struct TlsEnd::Impl {
  tls::testing::Server server;
  bool started{false};
};

TlsEnd::TlsEnd() : TlsEnd({.chain = tls::testing::LEAF, .key = tls::testing::LEAF_KEY}) {}

TlsEnd::TlsEnd(const Identity &identity)
    : impl_(new Impl{tls::testing::Server(
          {.chain = identity.chain, .key = identity.key, .version = MBEDTLS_SSL_VERSION_TLS1_2})}) {}

TlsEnd::~TlsEnd() = default;

void TlsEnd::handle(const std::string &bytes) {
  this->impl_->started = true;
  this->impl_->server.handle(bytes);
  this->received += this->impl_->server.received;
  this->impl_->server.received.clear();
}

bool TlsEnd::has_begun() const { return this->impl_->started; }

bool TlsEnd::is_in_handshake() const { return this->impl_->started && !this->impl_->server.is_open(); }

void TlsEnd::write(const std::string &plain) { this->impl_->server.write(plain); }

std::string TlsEnd::take() { return this->impl_->server.take(); }

}  // namespace microlink::testing
