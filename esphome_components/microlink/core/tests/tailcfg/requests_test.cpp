// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "microlink/tailcfg/key_response.h"
#include "microlink/tailcfg/map_request.h"
#include "microlink/tailcfg/register.h"
#include "microlink/tailcfg/text_forms.h"
#include "tests/support/vectors.h"

namespace microlink::tailcfg {
namespace {

Hostinfo sample_hostinfo() {
  Hostinfo info;
  info.ipn_version = "1.94.1";
  info.os = "linux";
  info.os_version = "6.1";
  info.app = "sample";
  info.device_model = "sample-board";
  info.hostname = "sensor-1";
  info.net_info.mapping_varies = false;
  info.net_info.working_ipv6 = false;
  info.net_info.working_udp = true;
  info.net_info.preferred_derp = 999;
  info.net_info.link_type = "wifi";
  return info;
}

/// Every field that is sent has the sample's value, and nothing is sent that the sample lacks.
void expect_same(const testing::Value &sent, const testing::Value &sample, const std::string &at) {
  if (!sent.is_object()) {
    EXPECT_EQ(sent.dump(), sample.dump()) << at;
    return;
  }
  for (const std::string &key : sent.keys()) {
    ASSERT_TRUE(sample.has(key.c_str())) << at << "." << key;
    expect_same(sent[key.c_str()], sample[key.c_str()], at + "." + key);
  }
}

/// Also: what the sample has and is not sent must be one of `omitted`.
void expect_complete(const testing::Value &sent, const testing::Value &sample,
                     const std::vector<std::string> &omitted) {
  for (const std::string &key : sample.keys()) {
    const bool may_lack = std::find(omitted.begin(), omitted.end(), key) != omitted.end();
    EXPECT_TRUE(sent.has(key.c_str()) || may_lack) << key;
  }
}

template<typename Request> testing::Value written(const Request &request) {
  Bytes<2048> room;
  const auto n = request.write(room);
  EXPECT_TRUE(n);
  return testing::parse_json(std::string(as_text(ByteView(room).first(n.value_or(0)))));
}

NodePublic key_of(const testing::Value &sample, const char *field = "NodeKey") {
  return *NodePublic::parse(sample[field].text());
}

TEST(RegisterRequests, all_samples) {
  const auto samples = testing::load_vectors("samples.json")["register_requests"];
  const std::vector<std::string> zero_values = {"NLKey", "NodeKeySignature", "DERPLatency"};
  for (const std::string &name : samples.keys()) {
    const auto sample = samples[name.c_str()];
    RegisterRequest request;
    request.node_key = key_of(sample);
    request.hostinfo = sample_hostinfo();
    std::vector<std::string> omitted = zero_values;
    std::string auth_key, followup;
    if (name == "rotate_after_expiry")
      request.old_node_key = key_of(sample, "OldNodeKey");
    else
      omitted.push_back("OldNodeKey");
    if (sample.has("Auth"))
      auth_key = sample["Auth"]["AuthKey"].text();
    if (sample.has("Followup"))
      followup = sample["Followup"].text();
    if (followup.empty())
      omitted.push_back("Followup");
    request.auth_key = auth_key;
    request.followup = followup;
    request.ephemeral = sample.has("Ephemeral");
    request.logout = name == "logout";
    if (!request.logout)
      omitted.push_back("Expiry");
    const auto sent = written(request);
    expect_same(sent, sample, name);
    expect_complete(sent, sample, omitted);
    expect_complete(sent["Hostinfo"], sample["Hostinfo"], omitted);
    expect_complete(sent["Hostinfo"]["NetInfo"], sample["Hostinfo"]["NetInfo"], omitted);
  }
}

TEST(MapRequests, all_samples) {
  const auto samples = testing::load_vectors("samples.json")["map_requests"];
  const OwnEndpoint endpoints[] = {{*parse_endpoint("203.0.113.9:41641"), EndpointType::STUN},
                                   {*parse_endpoint("192.168.1.50:41641"), EndpointType::LOCAL}};
  for (const char *name : {"lite_update", "stream"}) {
    const auto sample = samples[name];
    MapRequest request;
    request.node_key = key_of(sample);
    request.disco_key = *DiscoPublic::parse(sample["DiscoKey"].text());
    request.hostinfo = sample_hostinfo();
    request.endpoints = endpoints;
    request.stream = std::string(name) == "stream";
    request.omit_peers = !request.stream;
    const auto sent = written(request);
    expect_same(sent, sample, name);
    expect_complete(sent, sample, {});
  }
}

TEST(MapRequests, worst_case_fits_into_the_promised_size) {
  const std::string long_text(63, '"');
  std::vector<Tag> tags(4, Tag(std::string(MAX_TAG_BYTES, 't')));
  std::vector<OwnEndpoint> endpoints(
      MAX_OWN_ENDPOINTS, {*parse_endpoint("[2001:db8:1111:2222:3333:4444:5555:6666]:65535"), EndpointType::EXPLICIT});
  MapRequest map;
  map.hostinfo = sample_hostinfo();
  map.hostinfo.hostname = map.hostinfo.device_model = long_text;
  map.hostinfo.request_tags = tags;
  map.endpoints = endpoints;
  map.stream = true;
  Bytes<2048> room;
  const auto n = map.write(room);
  ASSERT_TRUE(n);
  for (size_t i = 0; i != *n; i++)
    ASSERT_EQ(map.write(ByteSpan(room).first(i)).error(), Error::NO_SPACE);
  RegisterRequest reg;
  reg.hostinfo = map.hostinfo;
  const std::string auth(128, 'k');
  const std::string url(MAX_URL_BYTES, 'u');
  reg.auth_key = auth;
  reg.followup = url;
  reg.old_node_key.bytes[0] = 1;
  EXPECT_TRUE(reg.write(ByteSpan(room).first(1536)));
  const auto sent = written(reg);
  EXPECT_EQ(sent["Hostinfo"]["RequestTags"].size(), 4U);
}

Error parse_response(RegisterResponseParser &parser, const std::string &json, size_t piece) {
  parser.reset();
  for (size_t at = 0; at < json.size(); at += piece) {
    const std::string chunk = json.substr(at, piece);
    (void) parser.handle_bytes(as_bytes(chunk));
  }
  return parser.finish();
}

TEST(RegisterResponses, all_samples_in_any_pieces) {
  const auto samples = testing::load_vectors("samples.json")["register_responses"];
  for (const std::string &name : samples.keys()) {
    const auto sample = samples[name.c_str()];
    for (const size_t piece : {size_t{1}, size_t{7}, size_t{4096}}) {
      RegisterResponseParser parser;
      ASSERT_EQ(parse_response(parser, sample.dump() + "\n", piece), Error::NONE) << name;
      const RegisterResponse &response = parser.response();
      EXPECT_EQ(response.error.view(), sample["Error"].text());
      EXPECT_EQ(response.auth_url.view(), sample["AuthURL"].text());
      EXPECT_EQ(response.node_key_expired, sample["NodeKeyExpired"].boolean());
      EXPECT_EQ(response.machine_authorized, sample["MachineAuthorized"].boolean());
      EXPECT_FALSE(response.needs_signature);
    }
  }
}

TEST(RegisterResponses, every_truncation_is_noticed) {
  const std::string json = testing::load_vectors("samples.json")["register_responses"]["success"].dump();
  for (size_t n = 0; n != json.size(); n++) {
    RegisterResponseParser parser;
    EXPECT_EQ(parse_response(parser, json.substr(0, n), 64), Error::TRUNCATED) << n;
  }
}

TEST(RegisterResponses, refuses_and_tolerates) {
  RegisterResponseParser parser;
  for (const char *bad : {"[]", "1", "null", "{]",
                          "{\"AuthURL\":\""
                          "x"})
    EXPECT_NE(parse_response(parser, bad, 64), Error::NONE) << bad;
  EXPECT_EQ(parse_response(parser, "{\"AuthURL\":\"" + std::string(MAX_URL_BYTES + 1, 'x') + "\"}", 64),
            Error::MALFORMED);
  EXPECT_EQ(parse_response(parser, "{\"a\":\"" + std::string(RegisterResponseParser::MAX_BYTES, 'x') + "\"}", 4096),
            Error::MALFORMED);
  ASSERT_EQ(
      parse_response(parser,
                     R"({"User":null,"Login":[{"LoginName":"no"}],"x":{"Error":"no","AuthURL":{}},"DisplayName":"no",)"
                     R"("NodeKeySignature":"c2ln","MachineAuthorized":1,"Error":null})",
                     3),
      Error::NONE);
  EXPECT_TRUE(parser.response().error.empty());
  EXPECT_FALSE(parser.response().machine_authorized);
  EXPECT_TRUE(parser.response().needs_signature);
}

TEST(KeyResponses, reads_the_key) {
  const std::string key = "mkey:0e84c3e97905bbb0a70beab561fa29d13bd1960a7fc59c86e9ab9d5b48f20667";
  const std::string json = R"({"x":{"publicKey":1},"legacyPublicKey":"mkey:00","publicKey":")" + key + "\"}";
  for (size_t piece = 1; piece != json.size() + 1; piece++) {
    KeyResponseParser parser;
    for (size_t at = 0; at < json.size(); at += piece) {
      const std::string chunk = json.substr(at, piece);
      ASSERT_EQ(parser.handle_bytes(as_bytes(chunk)), Error::NONE);
    }
    ASSERT_TRUE(parser.finish());
    EXPECT_EQ(parser.finish()->to_text().view(), key);
  }
  KeyResponseParser parser;
  EXPECT_EQ(parser.finish().error(), Error::TRUNCATED);
  EXPECT_EQ(parser.handle_bytes(as_bytes("<html>")), Error::MALFORMED);
  EXPECT_EQ(parser.finish().error(), Error::MALFORMED);
  const std::vector<std::string> useless = {"{}",
                                            "{\"publicKey\":null}",
                                            "{\"publicKey\":\"mkey:12\"}",
                                            "{\"publicKey\":\"mkey:" + std::string(64, '0') + "\"}",
                                            "{\"a\":[\"publicKey\",\"" + key + "\"]}",
                                            "[\"publicKey\"]"};
  for (const std::string &bad : useless) {
    parser.reset();
    (void) parser.handle_bytes(as_bytes(bad));
    EXPECT_EQ(parser.finish().error(), Error::MALFORMED) << bad;
  }
}

TEST(TextForms, times) {
  const std::pair<const char *, int64_t> good[] = {{"2026-01-02T03:04:05.678901234Z", 1767323045678901},
                                                   {"2026-01-02T03:04:05Z", 1767323045000000},
                                                   {"2026-01-02t03:04:05z", 1767323045000000},
                                                   {"2026-01-02T05:34:05+02:30", 1767323045000000},
                                                   {"2024-02-29T00:00:00-00:00", 1709164800000000},
                                                   {"2000-02-29T12:00:00Z", 951825600000000},
                                                   {"1970-01-01T00:02:03Z", 123000000},
                                                   {"0001-01-01T00:00:00Z", 0},
                                                   {"1969-12-31T23:59:59Z", 1},
                                                   {"1970-01-01T00:00:00Z", 1},
                                                   {"9999-12-31T23:59:59Z", 253402300799000000}};
  for (const auto &[text, expected] : good) {
    const auto time = parse_time(text);
    ASSERT_TRUE(time) << text;
    EXPECT_EQ(static_cast<int64_t>(*time), expected) << text;
    for (size_t n = 0; n != std::string_view(text).size(); n++)
      EXPECT_FALSE(parse_time(std::string_view(text).substr(0, n))) << text << " cut at " << n;
  }
  for (const char *bad :
       {"2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z",
        "2026-01-32T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:00",
        "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00Zx", "2026-01-01 00:00:00Z", "2026-01-01T00:00:00+1:00"})
    EXPECT_FALSE(parse_time(bad)) << bad;
}

TEST(TextForms, thousandths) {
  const std::pair<const char *, uint32_t> good[] = {{"0", 0},
                                                    {"1", 1000},
                                                    {"0.9", 900},
                                                    {"1.2345", 1234},
                                                    {"1e-3", 1},
                                                    {"2.5E+2", 250000},
                                                    {"1e-900", 0},
                                                    {"0e900", 0},
                                                    {"4000000", 4000000000U},
                                                    {"0.000000000000000000001", 0},
                                                    {"0.12345678901234567890", 123}};
  for (const auto &[text, expected] : good) {
    ASSERT_TRUE(parse_thousandths(text)) << text;
    EXPECT_EQ(*parse_thousandths(text), expected) << text;
  }
  for (const char *bad : {"", "-1", "4000001", "1e9", "12345678901234567890", "1e99999", "x", "1.2.3", ".5", "e5"})
    EXPECT_FALSE(parse_thousandths(bad)) << bad;
}

TEST(TextForms, address_ranges) {
  const auto text = [](const char *in) -> std::string {
    const auto range = parse_address_range(in);
    if (!range)
      return "bad";
    return range->any ? "any"
                      : std::string(to_text(range->first).view()) + " " + std::string(to_text(range->last).view());
  };
  EXPECT_EQ(text("*"), "any");
  EXPECT_EQ(text("100.64.0.2"), "100.64.0.2 100.64.0.2");
  EXPECT_EQ(text("100.64.0.0/10"), "100.64.0.0 100.127.255.255");
  EXPECT_EQ(text("0.0.0.0/0"), "0.0.0.0 255.255.255.255");
  EXPECT_EQ(text("fd7a:115c:a1e0::/48"), "fd7a:115c:a1e0:: fd7a:115c:a1e0:ffff:ffff:ffff:ffff:ffff");
  EXPECT_EQ(text("::/0"), ":: ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
  EXPECT_EQ(text("100.64.0.2-100.64.0.9"), "100.64.0.2 100.64.0.9");
  for (const char *bad :
       {"", "100.64.0.1/10", "100.64.0.9-100.64.0.2", "100.64.0.1-fd7a::1", "-", "1.2.3.4-", "1.2.3.4/33", "x",
        "::ffff:1.2.3.4", "::ffff:1.2.3.4/128", "1.2.3.4-::ffff:1.2.3.5", "cap:x", "**"})
    EXPECT_EQ(text(bad), "bad") << bad;
}

TEST(TextForms, names) {
  EXPECT_EQ(normal_name("Host.Example.TS.net.").view(), "host.example.ts.net");
  EXPECT_EQ(normal_name("").view(), "");
  const std::string longest(MAX_NODE_NAME_BYTES, 'x');
  EXPECT_EQ(normal_name(longest).view(), longest);
  EXPECT_EQ(normal_name(longest + "y").view(), longest.substr(1) + "~");
}

}  // namespace
}  // namespace microlink::tailcfg
