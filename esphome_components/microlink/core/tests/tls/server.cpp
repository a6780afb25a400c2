// SPDX-License-Identifier: MIT
#include "tests/tls/server.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "microlink/tls/memory.h"
#include "microlink/tls/random_scope.h"

namespace microlink::tls::testing {

namespace {

void must(int code, const char *what) {
  if (code == 0)
    return;
  std::fprintf(stderr, "test server: %s: -0x%04x\n", what, static_cast<unsigned>(-code));
  std::abort();
}

int fill(void *context, unsigned char *out, size_t size) {
  static_cast<SeededRandom *>(context)->fill({out, size});
  return 0;
}

const unsigned char *bytes(const std::string &text) { return reinterpret_cast<const unsigned char *>(text.c_str()); }

}  // namespace

std::vector<uint8_t> der_of(std::string_view pem) {
  const size_t begin = pem.find('\n') + 1;
  const std::string body(pem.substr(begin, pem.find("-----END") - begin));
  std::vector<uint8_t> der(body.size());
  size_t size = 0;
  must(mbedtls_base64_decode(der.data(), der.size(), &size, bytes(body), body.size()), "base64");
  der.resize(size);
  return der;
}

Server::Server(const Options &options) {
  count_memory();
  const RandomScope scope(this->random_);
  must(static_cast<int>(psa_crypto_init()), "psa");
  mbedtls_ssl_init(&this->ssl_);
  mbedtls_ssl_config_init(&this->config_);
  this->load_(options);
  this->configure_(options);
  must(mbedtls_ssl_setup(&this->ssl_, &this->config_), "setup");
  mbedtls_ssl_set_bio(&this->ssl_, this, send, receive, nullptr);
}

void Server::load_(const Options &options) {
  mbedtls_x509_crt_init(&this->chain_);
  mbedtls_x509_crt_init(&this->extra_);
  mbedtls_pk_init(&this->key_);
  const std::string chain(options.chain);
  const std::string key(options.key);
  must(mbedtls_x509_crt_parse(&this->chain_, bytes(chain), chain.size() + 1), "chain");
  // A server does not offer what is not for servers; this one does not know.
  this->chain_.ext_types &= ~MBEDTLS_X509_EXT_EXTENDED_KEY_USAGE;
  must(mbedtls_pk_parse_key(&this->key_, bytes(key), key.size() + 1, nullptr, 0, fill, &this->random_), "key");
  if (!options.extra.empty()) {
    // Only what is sent of a certificate: mbedTLS could not read every one that a relay may present.
    this->extra_der_ = der_of(options.extra);
    this->extra_.raw = {0, this->extra_der_.size(), this->extra_der_.data()};
    mbedtls_x509_crt *last = &this->chain_;
    while (last->next != nullptr)
      last = last->next;
    last->next = &this->extra_;
  }
}

void Server::configure_(const Options &options) {
  must(mbedtls_ssl_config_defaults(&this->config_, MBEDTLS_SSL_IS_SERVER, MBEDTLS_SSL_TRANSPORT_STREAM,
                                   MBEDTLS_SSL_PRESET_DEFAULT),
       "defaults");
  mbedtls_ssl_conf_rng(&this->config_, fill, &this->random_);
  mbedtls_ssl_conf_min_tls_version(&this->config_, options.version);
  mbedtls_ssl_conf_max_tls_version(&this->config_, options.version);
  mbedtls_ssl_conf_renegotiation(
      &this->config_, options.renegotiation ? MBEDTLS_SSL_RENEGOTIATION_ENABLED : MBEDTLS_SSL_RENEGOTIATION_DISABLED);
  mbedtls_ssl_conf_sni(
      &this->config_,
      [](void *self, mbedtls_ssl_context *, const unsigned char *name, size_t size) {
        static_cast<Server *>(self)->server_name_.assign(reinterpret_cast<const char *>(name), size);
        return 0;
      },
      this);
  must(mbedtls_ssl_conf_own_cert(&this->config_, &this->chain_, &this->key_), "own certificate");
}

int Server::send(void *self, const unsigned char *data, size_t size) {
  static_cast<Server *>(self)->out_.append(reinterpret_cast<const char *>(data), size);
  return static_cast<int>(size);
}

int Server::receive(void *self, unsigned char *data, size_t size) {
  std::string &in = static_cast<Server *>(self)->in_;
  if (in.empty())
    return MBEDTLS_ERR_SSL_WANT_READ;
  const size_t n = std::min(size, in.size());
  std::copy_n(in.data(), n, reinterpret_cast<char *>(data));
  in.erase(0, n);
  return static_cast<int>(n);
}

Server::~Server() {
  mbedtls_ssl_free(&this->ssl_);
  mbedtls_ssl_config_free(&this->config_);
  for (mbedtls_x509_crt *each = &this->chain_; each != nullptr; each = each->next) {
    if (each->next == &this->extra_)
      each->next = nullptr;  // its bytes are not mbedTLS's
  }
  mbedtls_x509_crt_free(&this->chain_);
  mbedtls_pk_free(&this->key_);
}

void Server::handle(const std::string &bytes_from_client) {
  this->in_ += bytes_from_client;
  this->pump_();
}

void Server::pump_() {
  const RandomScope scope(this->random_);
  int code = this->is_open() ? 0 : mbedtls_ssl_handshake(&this->ssl_);
  // WANT_READ comes after an ignored alert, too: what counts is whether there are bytes left.
  while (code == 0 || (code == MBEDTLS_ERR_SSL_WANT_READ && this->is_open() && !this->in_.empty())) {
    code = 0;
    unsigned char plain[4096];
    const int n = mbedtls_ssl_read(&this->ssl_, plain, sizeof(plain));
    if (n > 0)
      this->received.append(reinterpret_cast<const char *>(plain), static_cast<size_t>(n));
    else
      code = n == 0 ? MBEDTLS_ERR_SSL_CONN_EOF : n;
  }
  if (code != MBEDTLS_ERR_SSL_WANT_READ && this->error == 0)
    this->error = code;
}

void Server::write(const std::string &plaintext) {
  const RandomScope scope(this->random_);
  for (size_t sent = 0; sent != plaintext.size();) {
    const int n = mbedtls_ssl_write(&this->ssl_, bytes(plaintext) + sent, plaintext.size() - sent);
    must(n > 0 ? 0 : n, "write");
    sent += static_cast<size_t>(n);
  }
}

void Server::say_goodbye() { must(mbedtls_ssl_close_notify(&this->ssl_), "close"); }

void Server::ask_to_renegotiate() {
  const RandomScope scope(this->random_);
  const int code = mbedtls_ssl_renegotiate(&this->ssl_);
  must(code == MBEDTLS_ERR_SSL_WANT_READ ? 0 : code, "renegotiate");
}

std::string Server::take() {
  std::string out;
  out.swap(this->out_);
  return out;
}

}  // namespace microlink::tls::testing
