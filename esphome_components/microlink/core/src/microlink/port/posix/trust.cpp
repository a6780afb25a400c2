// SPDX-License-Identifier: MIT
#ifdef __linux__
#include "microlink/port/posix/trust.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "microlink/port/posix/fd.h"

namespace microlink::posix {

namespace {

constexpr off_t MAX_BUNDLE_BYTES = 4 << 20;
// Debian and its kin; Fedora and its kin; Alpine and OpenBSD's layout.
constexpr const char *SYSTEM_BUNDLES[] = {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                                          "/etc/ssl/cert.pem"};

}  // namespace

std::string load_certificates(const std::string &path, std::string &pem) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat about{};
  if (!file.valid() || ::fstat(file.get(), &about) != 0)
    return "cannot read the certificates in " + path + ": " + std::strerror(errno);
  if (!S_ISREG(about.st_mode) || about.st_size > MAX_BUNDLE_BYTES)
    return path + " is not a file of PEM certificates";
  const size_t before = pem.size();
  pem.resize(before + static_cast<size_t>(about.st_size) + 1);  // with a line end behind it
  size_t have = before;
  while (have + 1 < pem.size()) {
    const ssize_t n = ::read(file.get(), pem.data() + have, pem.size() - 1 - have);
    if (n <= 0)
      break;
    have += static_cast<size_t>(n);
  }
  pem.resize(have + 1);
  pem.back() = '\n';
  if (pem.find("-----BEGIN CERTIFICATE-----", before) != std::string::npos)
    return {};
  pem.resize(before);
  return path + " holds no PEM certificate";
}

std::string load_system_trust(std::string &pem) {
  if (const char *chosen = std::getenv("SSL_CERT_FILE"); chosen != nullptr && *chosen != '\0')
    return load_certificates(chosen, pem);
  for (const char *path : SYSTEM_BUNDLES) {
    if (::access(path, R_OK) == 0)
      return load_certificates(path, pem);
  }
  return {};
}

}  // namespace microlink::posix
#endif  // __linux__
