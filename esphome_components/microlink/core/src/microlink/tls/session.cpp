// SPDX-License-Identifier: MIT
#include "microlink/tls/session.h"

#include <algorithm>
#include <new>

#include "microlink/base/ip.h"
#include "microlink/tls/heap.h"
#include "microlink/tls/mbedtls.h"
#include "microlink/tls/memory.h"
#include "microlink/tls/random_scope.h"
#include "microlink/tls/record_buffers.h"
#include "microlink/tls/verify.h"

namespace microlink::tls {

namespace {

int fill_random(void *context, unsigned char *out, size_t size) {
  static_cast<Random *>(context)->fill({out, size});
  return 0;
}

/// Errors are negative sums of a high level (in steps of 0x80) and a low one.
bool is_high(int code, int level) { return (-code & 0xFF80) == -level; }

bool is_out_of_memory(int code) {
  return is_high(code, MBEDTLS_ERR_SSL_ALLOC_FAILED) || is_high(code, MBEDTLS_ERR_X509_ALLOC_FAILED) ||
         is_high(code, MBEDTLS_ERR_PK_ALLOC_FAILED) || is_high(code, MBEDTLS_ERR_ECP_ALLOC_FAILED) ||
         is_high(code, MBEDTLS_ERR_CIPHER_ALLOC_FAILED) || is_high(code, MBEDTLS_ERR_MD_ALLOC_FAILED) ||
         -(-code & 0x7F) == MBEDTLS_ERR_MPI_ALLOC_FAILED || -(-code & 0x7F) == MBEDTLS_ERR_ASN1_ALLOC_FAILED ||
         code == PSA_ERROR_INSUFFICIENT_MEMORY;
}

bool is_self_issued(const mbedtls_x509_crt &certificate) {
  return equal(ByteView(certificate.subject_raw.p, certificate.subject_raw.len),
               ByteView(certificate.issuer_raw.p, certificate.issuer_raw.len));
}

/// What mbedTLS says of a certificate with an algorithm it does not know; forgiven in TLS 1.2, and in 1.3 unless the
/// certificate is the last one.
constexpr int UNREADABLE_CERTIFICATE = MBEDTLS_ERR_X509_UNKNOWN_SIG_ALG + MBEDTLS_ERR_OID_NOT_FOUND;

}  // namespace

struct Session::Impl {
  mbedtls_ssl_config config;
  mbedtls_ssl_context ssl;
  mbedtls_x509_crt no_anchors;  // mbedTLS asks for anchors even where a pin decides
  Verifier verifier;
  RecordBuffers buffers;
  HeapWatch *heap;  // may be null
  /// The anchors' own look at a certificate, before the verifier's. May be null.
  int (*vouch)(void *context, mbedtls_x509_crt *certificate, int depth, uint32_t *flags);
  void *vouch_context;
  const TrustAnchors *anchors;  // null where a pin decides
  Random *random;
  ByteView in;   // of the read() that runs
  ByteSpan out;  // of the call that runs; empty in read()
  bool only_tls12;
  bool blocked;  // mbedTLS holds bytes that did not fit `out`
  bool goodbye;  // a close_notify is due

  void look_at_heap() const {
    if (this->heap != nullptr)
      this->heap->look();
  }

  /// What mbedTLS may use while one of its functions runs.
  class Scope {
   public:
    Scope(Impl &impl, ByteView in, ByteSpan out) : impl_(impl), random_(*impl.random) {
      impl.in = in;
      impl.out = out;
    }
    ~Scope() {
      this->impl_.in = {};
      this->impl_.out = {};
    }
    Scope(const Scope &) = delete;
    Scope &operator=(const Scope &) = delete;

   private:
    Impl &impl_;
    RandomScope random_;
  };

  static int receive(void *context, unsigned char *to, size_t size) {
    auto &impl = *static_cast<Impl *>(context);
    return impl.buffers.receive(impl.ssl, impl.in, to, size);
  }

  static int send(void *context, const unsigned char *from, size_t size) {
    auto &impl = *static_cast<Impl *>(context);
    const size_t n = copy({from, size}, impl.out);
    impl.out = impl.out.subspan(n);
    impl.blocked = n != size;
    return n == 0 && size != 0 ? MBEDTLS_ERR_SSL_WANT_WRITE : static_cast<int>(n);
  }

  static int verify(void *context, mbedtls_x509_crt *certificate, int depth, uint32_t *flags) {
    auto &impl = *static_cast<Impl *>(context);
    if (depth == 0 && (*flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED) != 0 && impl.anchors != nullptr &&
        is_self_issued(*certificate) && impl.anchors->contains(*certificate))
      *flags &= ~static_cast<uint32_t>(MBEDTLS_X509_BADCERT_NOT_TRUSTED);
    if (impl.vouch != nullptr) {
      if (const int code = impl.vouch(impl.vouch_context, certificate, depth, flags); code != 0)
        return code;
    }
    impl.verifier.check(*certificate, depth, *flags);
    return 0;
  }

  int configure(const Policy &policy);

  /// Get rid of what is held back, nothing else: with bytes left over, mbedTLS only flushes here, whatever the alert.
  int flush() {
    return this->blocked ? mbedtls_ssl_send_alert_message(&this->ssl, MBEDTLS_SSL_ALERT_LEVEL_WARNING,
                                                          MBEDTLS_SSL_ALERT_MSG_CLOSE_NOTIFY)
                         : 0;
  }

  /// Encrypt the front of `plaintext`, which is consumed even when the ciphertext does not fit `out` at once.
  int encrypt(ByteView &plaintext) {
    const int payload = mbedtls_ssl_get_max_out_record_payload(&this->ssl);
    if (payload < 0)
      return payload;
    const size_t chunk = std::min(plaintext.size(), static_cast<size_t>(payload));
    if (!this->buffers.make_room_to_write(this->ssl, chunk))
      return MBEDTLS_ERR_SSL_ALLOC_FAILED;
    const int code = mbedtls_ssl_write(&this->ssl, plaintext.data(), chunk);
    if (code >= 0 || code == MBEDTLS_ERR_SSL_WANT_WRITE)
      plaintext = plaintext.subspan(chunk);
    return std::min(code, 0);
  }
};

int Session::Impl::configure(const Policy &policy) {
#ifdef MBEDTLS_PSA_CRYPTO_C
  if (psa_crypto_init() != PSA_SUCCESS)
    return MBEDTLS_ERR_SSL_ALLOC_FAILED;
#endif
  int code = mbedtls_ssl_config_defaults(&this->config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
                                         MBEDTLS_SSL_PRESET_DEFAULT);
  if (code != 0)
    return code;
  mbedtls_ssl_conf_rng(&this->config, fill_random, this->random);
  mbedtls_ssl_conf_min_tls_version(&this->config, MBEDTLS_SSL_VERSION_TLS1_2);
#ifdef MBEDTLS_SSL_RENEGOTIATION
  mbedtls_ssl_conf_renegotiation(&this->config, MBEDTLS_SSL_RENEGOTIATION_DISABLED);
#endif
  this->only_tls12 = policy.versions == Versions::TLS12;
  if (this->only_tls12)
    mbedtls_ssl_conf_max_tls_version(&this->config, MBEDTLS_SSL_VERSION_TLS1_2);
  mbedtls_ssl_conf_authmode(&this->config,
                            policy.insecure_for_tests ? MBEDTLS_SSL_VERIFY_NONE : MBEDTLS_SSL_VERIFY_REQUIRED);
  mbedtls_ssl_conf_ca_chain(&this->config, &this->no_anchors, nullptr);
  if (!this->verifier.is_pinned() && policy.anchors != nullptr) {
    this->anchors = policy.anchors;
    this->anchors->attach(this->config);
  }
  this->vouch = this->config.MBEDTLS_PRIVATE(f_vrfy);
  this->vouch_context = this->config.MBEDTLS_PRIVATE(p_vrfy);
  mbedtls_ssl_conf_verify(&this->config, verify, this);
  code = mbedtls_ssl_setup(&this->ssl, &this->config);
  if (code != 0) {
    // When it fails half-way, mbedTLS 3.6 forgets the configuration that its own clean-up reads.
    this->ssl.MBEDTLS_PRIVATE(conf) = &this->config;
    return code;
  }
  this->look_at_heap();  // the worst moment
  if (!this->buffers.begin(this->ssl))
    return MBEDTLS_ERR_SSL_ALLOC_FAILED;
  // RFC 6066 §3 forbids addresses in SNI. The Verifier checks the name either way.
  FixedString<MAX_HOST_BYTES> host(policy.host);
  code = mbedtls_ssl_set_hostname(&this->ssl, parse_ip(policy.host) ? nullptr : host.c_str());
  mbedtls_ssl_set_bio(&this->ssl, this, send, receive, nullptr);
  return code;
}

Error Session::start(const Policy &policy, Random &random) {
  this->stop();
  count_memory();
  Verifier verifier;
  if (const Error error = verifier.configure(policy); error != Error::NONE)
    return error;
  if (!policy.insecure_for_tests && !verifier.is_pinned() && (policy.anchors == nullptr || policy.anchors->empty()))
    return Error::UNTRUSTED;
  HeapWatch *heap = policy.anchors == nullptr ? nullptr : policy.anchors->heap();
  if (heap != nullptr && !heap->begin())
    return Error::NO_SPACE;
  void *memory = mbedtls_calloc(1, sizeof(Impl));
  if (memory == nullptr)
    return Error::NO_SPACE;
  this->impl_ = new (memory) Impl{};
  this->impl_->heap = heap;
  this->impl_->verifier = verifier;
  this->impl_->random = &random;
  mbedtls_ssl_config_init(&this->impl_->config);
  mbedtls_ssl_init(&this->impl_->ssl);
  mbedtls_x509_crt_init(&this->impl_->no_anchors);
  int code = 0;
  {
    const Impl::Scope scope(*this->impl_, {}, {});
    code = this->impl_->configure(policy);
  }
  if (code != 0) {
    this->stop();
    return Error::NO_SPACE;
  }
  this->state_ = State::HANDSHAKING;
  return Error::NONE;
}

void Session::stop() {
  if (this->impl_ != nullptr) {
    this->impl_->buffers.end(this->impl_->ssl);
    mbedtls_ssl_free(&this->impl_->ssl);
    mbedtls_ssl_config_free(&this->impl_->config);
    mbedtls_x509_crt_free(&this->impl_->no_anchors);
    this->impl_->~Impl();
    mbedtls_free(this->impl_);
    this->impl_ = nullptr;
  }
  this->failure_text_ = "";
  this->failure_ = Error::NONE;
  this->state_ = State::IDLE;
  this->advice_ = Advice::NONE;
}

Result<size_t> Session::read(ByteView &ciphertext, ByteSpan plaintext) {
  if (this->state_ == State::IDLE)
    return Error::UNEXPECTED;
  if (this->is_finished())
    return this->failure_;
  const Impl::Scope scope(*this->impl_, ciphertext, {});
  int code = this->state_ == State::HANDSHAKING ? this->handshake_() : 0;
  if (this->state_ == State::OPEN && !plaintext.empty()) {
    do {
      code = mbedtls_ssl_read(&this->impl_->ssl, plaintext.data(), plaintext.size());
    } while (code == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET);
  }
  ciphertext = this->impl_->in;
  if (ciphertext.empty())
    this->impl_->buffers.rest(this->impl_->ssl);
  if (code > 0)
    return static_cast<size_t>(code);
  if (code == 0 || code == MBEDTLS_ERR_SSL_WANT_READ || code == MBEDTLS_ERR_SSL_WANT_WRITE)
    return size_t{0};
  this->fail_(code);
  return this->failure_;
}

Result<size_t> Session::write(ByteView &plaintext, ByteSpan ciphertext) {
  if (this->state_ == State::IDLE)
    return Error::UNEXPECTED;
  Impl &impl = *this->impl_;
  const Impl::Scope scope(impl, {}, ciphertext);
  int code = impl.flush();
  if (code == 0 && this->state_ == State::HANDSHAKING)
    code = this->handshake_();
  while (code == 0 && this->state_ == State::OPEN && !plaintext.empty() && !impl.out.empty())
    code = impl.encrypt(plaintext);
  if (code == 0 && impl.goodbye && !impl.blocked) {
    impl.goodbye = false;
    code = mbedtls_ssl_close_notify(&impl.ssl);
  }
  impl.buffers.rest(impl.ssl);
  if (code != 0 && code != MBEDTLS_ERR_SSL_WANT_READ && code != MBEDTLS_ERR_SSL_WANT_WRITE)
    this->fail_(code);
  const size_t written = ciphertext.size() - impl.out.size();
  // With bytes held back for want of room, the error waits until they are fetched.
  if (written == 0 && this->is_finished() && !impl.blocked)
    return this->failure_;
  return written;
}

void Session::close() {
  if (this->state_ != State::OPEN)
    return;
  this->impl_->goodbye = true;
  this->failure_ = Error::CLOSED;
  this->state_ = State::CLOSED;
}

bool Session::advise(Policy &policy) const {
  switch (this->advice_) {
    case Advice::NONE:
      break;
    case Advice::AVOID_TLS13:
      policy.versions = Versions::TLS12;
      return true;
    case Advice::TRY_TLS13:
      policy.versions = Versions::TLS12_AND_TLS13;
      return true;
  }
  return false;
}

const char *Session::version() const {
  return this->impl_ != nullptr && mbedtls_ssl_is_handshake_over(&this->impl_->ssl) == 1
             ? mbedtls_ssl_get_version(&this->impl_->ssl)
             : "";
}

int Session::handshake_() {
  const int code = mbedtls_ssl_handshake(&this->impl_->ssl);
  this->impl_->look_at_heap();
  if (code == 0)
    this->state_ = State::OPEN;
  return code;
}

void Session::fail_(int code) {
  if (this->is_finished())
    return;
  const bool open = this->state_ == State::OPEN;
  this->state_ = State::FAILED;
  if (is_high(code, MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) || is_high(code, MBEDTLS_ERR_SSL_CONN_EOF)) {
    // A goodbye in the middle of the handshake is not good order.
    this->state_ = open ? State::CLOSED : State::FAILED;
    this->failure_text_ = open ? "" : "closed during the handshake";
    this->failure_ = Error::CLOSED;
    this->impl_->goodbye = open;
  } else if (is_out_of_memory(code)) {
    this->failure_text_ = "out of memory";
    this->failure_ = Error::NO_SPACE;
  } else if (is_high(code, MBEDTLS_ERR_X509_CERT_VERIFY_FAILED) ||
             (is_high(code, MBEDTLS_ERR_SSL_BAD_CERTIFICATE) && !open)) {
    this->failure_text_ = this->impl_->verifier.failure_text();
    this->failure_ = Error::UNTRUSTED;
  } else if (is_high(code, MBEDTLS_ERR_SSL_INVALID_MAC)) {
    this->failure_text_ = "record: tampered with";
    this->failure_ = Error::AUTH_FAILED;
  } else if (is_high(code, MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE)) {
    this->failure_text_ = "refused by the server";
    this->failure_ = Error::REJECTED;
    if (!open && this->impl_->only_tls12)
      this->advice_ = Advice::TRY_TLS13;
  } else if (!open && code == UNREADABLE_CERTIFICATE) {
    this->failure_text_ = "certificate: unreadable";
    this->failure_ = Error::MALFORMED;
    this->advice_ = this->impl_->only_tls12 ? Advice::NONE : Advice::AVOID_TLS13;
  } else if (open && is_high(code, MBEDTLS_ERR_SSL_BAD_INPUT_DATA)) {
    this->failure_text_ = "record: too large";
    this->failure_ = Error::NO_SPACE;
  } else {
    this->failure_text_ = open ? "protocol error" : "handshake failed";
    this->failure_ = Error::MALFORMED;
  }
}

}  // namespace microlink::tls
