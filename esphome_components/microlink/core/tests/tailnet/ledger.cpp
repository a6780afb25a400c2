// SPDX-License-Identifier: MIT
#include "tests/tailnet/ledger.h"

#include <gtest/gtest.h>

#include "microlink/base/reader.h"
#include "microlink/wireguard/handshake.h"
#include "microlink/wireguard/session.h"

namespace microlink::tailnet {

namespace {

constexpr size_t HEADERS = 28;
constexpr size_t SMALLEST = HEADERS + 4;

/// Byte `at` of the body of packet `number`.
char pattern(size_t number, size_t at) { return static_cast<char>(number * 31 + at * 7 + at / 256); }

std::string text_of(const NodePublic &key) { return std::string(as_text(key.bytes)); }

}  // namespace

std::string Ledger::make(size_t from, size_t to, size_t size) {
  size = std::max(size, SMALLEST);
  const size_t number = this->packets_.size();
  this->packets_.push_back({.from = from, .to = to, .size = size});
  this->newest_[{from, to}] = number;
  std::string out(size, '\0');
  size_t at = 0;
  const auto put = [&](size_t value, unsigned bytes) {
    while (bytes-- != 0)
      out[at++] = static_cast<char>(value >> 8 * bytes);
  };
  put(0x4500, 2);
  put(size, 2);
  put(0, 4);
  put(0x4011, 2);  // 64 hops, UDP
  put(0, 2);
  for (const size_t host : {from, to})
    put(0x64400001 + host, 4);
  // From ports of one kind to ports of another: no packet is an answer to the other direction's flow.
  put(1000 + from, 2);
  put(2000 + to, 2);
  put(size - 20, 2);
  put(0, 2);
  put(number, 4);
  for (; at != size; at++)
    out[at] = pattern(number, at);
  return out;
}

size_t Ledger::source_of(const std::string &packet) { return static_cast<uint8_t>(packet[15]) - 1U; }

void Ledger::deliver(size_t to, const std::string &packet) {
  ASSERT_GE(packet.size(), SMALLEST);
  Reader in(as_bytes(packet).subspan(HEADERS));
  const size_t number = in.u32be();
  ASSERT_LT(number, this->packets_.size());
  Entry &entry = this->packets_[number];
  ASSERT_EQ(entry.to, to) << "packet " << number;
  ASSERT_EQ(entry.from, source_of(packet)) << "packet " << number;
  ASSERT_EQ(entry.size, packet.size()) << "packet " << number;
  for (size_t at = SMALLEST; at != packet.size(); at++)
    ASSERT_EQ(packet[at], pattern(number, at)) << "packet " << number << " at " << at;
  entry.times++;
  ASSERT_EQ(entry.times, 1U) << "packet " << number << " came twice";
  this->delivered_++;
}

bool Ledger::has_newest(size_t from, size_t to) const {
  const auto found = this->newest_.find({from, to});
  return found != this->newest_.end() && this->packets_[found->second].times != 0;
}

void WireWatch::see(Instant now, uint16_t way, const NodePublic &from, const NodePrivate &to,
                    const std::string &message) {
  const auto type = wireguard::classify(as_bytes(message));
  if (!type)
    return;  // DISCO
  const std::pair who{text_of(from), text_of(to.public_key())};
  if (*type == wireguard::MessageType::TRANSPORT)
    this->see_data_(now, who, message);
  else if (*type == wireguard::MessageType::INITIATION)
    this->see_initiation_(way, from, to, message);
}

void WireWatch::see_data_(Instant now, const std::pair<std::string, std::string> &who, const std::string &message) {
  Reader in(as_bytes(message));
  in.u32le();
  const uint32_t index = in.u32le();
  const uint64_t counter = in.u64le();
  auto &sessions = this->sessions_[who];
  // Indices are random and may come again; no key lives as long as this.
  std::erase_if(sessions, [&](const auto &entry) { return now - entry.second.used > seconds(400); });
  Session &session = sessions[index];
  session.used = now;
  const size_t hash = std::hash<std::string>{}(message);
  const auto [entry, is_new] = session.hashes.try_emplace(counter, hash);
  this->data_ += is_new;
  ASSERT_EQ(entry->second, hash) << "nonce " << counter << " of index " << index << " seals two packets";
}

void WireWatch::see_initiation_(uint16_t way, const NodePublic &from, const NodePrivate &to,
                                const std::string &message) {
  const std::pair who{text_of(from), text_of(to.public_key())};
  if (!this->initiations_.insert(message).second)
    return;
  wireguard::Responder responder;
  if (responder.read_static(to, as_bytes(message)) != Error::NONE || responder.caller() != from)
    return;  // made for an earlier key of the peer
  crypto::SecretKey shared;
  ASSERT_TRUE(crypto::x25519(to.secret(), from.bytes, shared));
  wireguard::Timestamp timestamp;
  ASSERT_EQ(responder.read_timestamp(as_bytes(message), shared, timestamp), Error::NONE);
  ASSERT_TRUE(this->timestamps_[who].insert(timestamp).second) << "a timestamp that was there before";
  auto &newest = this->newest_[who][way];
  ASSERT_GT(timestamp, newest) << "a timestamp that is not newer than one before";
  newest = timestamp;
  this->handshakes_++;
}

}  // namespace microlink::tailnet
