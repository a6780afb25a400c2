/* SPDX-License-Identifier: MIT */
#ifndef MICROLINK_TESTS_SOCKETS_H
#define MICROLINK_TESTS_SOCKETS_H

#include_next <lwip/sockets.h>

/* As in ESP-IDF: the names of BSD as functions, so that methods may have them too. */
static inline int accept(int s, struct sockaddr *address, socklen_t *length) { return lwip_accept(s, address, length); }
static inline int bind(int s, const struct sockaddr *name, socklen_t length) { return lwip_bind(s, name, length); }
static inline int getsockname(int s, struct sockaddr *name, socklen_t *length) {
  return lwip_getsockname(s, name, length);
}
static inline int setsockopt(int s, int level, int name, const void *value, socklen_t length) {
  return lwip_setsockopt(s, level, name, value, length);
}
static inline int getsockopt(int s, int level, int name, void *value, socklen_t *length) {
  return lwip_getsockopt(s, level, name, value, length);
}
static inline int connect(int s, const struct sockaddr *name, socklen_t length) {
  return lwip_connect(s, name, length);
}
static inline int listen(int s, int backlog) { return lwip_listen(s, backlog); }
static inline ssize_t recv(int s, void *bytes, size_t size, int flags) { return lwip_recv(s, bytes, size, flags); }
static inline ssize_t recvfrom(int s, void *bytes, size_t size, int flags, struct sockaddr *from, socklen_t *length) {
  return lwip_recvfrom(s, bytes, size, flags, from, length);
}
static inline ssize_t send(int s, const void *bytes, size_t size, int flags) {
  return lwip_send(s, bytes, size, flags);
}
static inline ssize_t sendto(int s, const void *bytes, size_t size, int flags, const struct sockaddr *to,
                             socklen_t length) {
  return lwip_sendto(s, bytes, size, flags, to, length);
}
static inline int socket(int family, int type, int protocol) { return lwip_socket(family, type, protocol); }

#endif
