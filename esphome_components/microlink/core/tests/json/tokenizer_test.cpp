// SPDX-License-Identifier: MIT
#include "microlink/json/tokenizer.h"

#include <gtest/gtest.h>
#include <rapidjson/reader.h>

#include <random>
#include <string>
#include <vector>

#include "tests/support/vectors.h"

namespace microlink::json {
namespace {

const char *const NAMES[] = {"more",   "{",    "}",     "[",    "]",    "key", "string",
                             "number", "true", "false", "null", "done", "bad"};

/// Every token as text; `cuts` are the chunk boundaries.
std::vector<std::string> tokens_of(const std::string &json, const std::vector<size_t> &cuts = {}) {
  std::vector<std::string> out;
  Tokenizer tokenizer;
  size_t begin = 0;
  for (size_t i = 0; i <= cuts.size(); i++) {
    const size_t end = i == cuts.size() ? json.size() : cuts[i];
    const std::string chunk = json.substr(begin, end - begin);  // its own memory: a stale view shows under ASan
    begin = end;
    tokenizer.feed(as_bytes(chunk));
    if (i == cuts.size())
      tokenizer.finish();
    for (;;) {
      const Token token = tokenizer.next();
      if (token == Token::NEED_MORE)
        break;
      std::string item = NAMES[static_cast<size_t>(token)];
      if (token == Token::KEY || token == Token::STRING || token == Token::NUMBER)
        item += ":" + std::string(tokenizer.text()) + (tokenizer.is_cut() ? "~" : "");
      out.push_back(item + "@" + std::to_string(tokenizer.depth()));
      if (token == Token::DONE || token == Token::BAD) {
        const std::string rest = std::string(as_text(tokenizer.rest())) + json.substr(begin);
        const bool only_space = rest.find_first_not_of(" \t\r\n") == std::string::npos;
        if (token == Token::DONE && !only_space)
          out.push_back("rest");
        return out;
      }
    }
  }
  return out;
}

bool is_valid(const std::string &json) {
  const auto tokens = tokens_of(json);
  return !tokens.empty() && tokens.back().starts_with("done");
}

bool oracle_accepts(const std::string &json) {
  rapidjson::Reader reader;
  rapidjson::MemoryStream stream(json.data(), json.size());
  rapidjson::BaseReaderHandler<> handler;
  return !reader.Parse<rapidjson::kParseNumbersAsStringsFlag>(stream, handler).IsError();
}

TEST(Tokenizer, reads_an_object) {
  const std::vector<std::string> expected = {"{@1",     "key:a@1", "[@2",    "number:1@2", "number:-2.50e+3@2",
                                             "]@1",     "key:b@1", "true@1", "key:@1",     "null@1",
                                             "key:c@1", "false@1", "}@0",    "done@0"};
  EXPECT_EQ(tokens_of(" {\"a\": [1,\n-2.50e+3 ], \"b\":true,\t\"\":null,\"c\":false}\r\n"), expected);
}

// RFC 8259 §§2-7.
TEST(Tokenizer, accepts_what_the_rfc_accepts) {
  for (const char *good :
       {"{}", "[]", "0", "-0", "1e5", "1E-05", "0.5", "\"\"", "true", "null", " 1 ", "[[]]", "[{}]",
        "{\"a\":{\"a\":1},\"a\":2}", "\"\\u0000\"", "\"\\/\"", "\"\x7f\"", "\"\xff\"", "123456789012345678901"})
    EXPECT_TRUE(is_valid(good)) << good;
}

TEST(Tokenizer, refuses_what_the_rfc_refuses) {
  for (const char *bad : {"",
                          " ",
                          "[",
                          "]",
                          "{",
                          "}",
                          "[1",
                          "[1,]",
                          "[,1]",
                          "{\"a\"}",
                          "{\"a\":}",
                          "{\"a\":1,}",
                          "{a:1}",
                          "{'a':1}",
                          "{1:1}",
                          "[1}",
                          "{\"a\":1]",
                          "01",
                          "-01",
                          "+1",
                          ".5",
                          "1.",
                          "1.e1",
                          "1e",
                          "1e+",
                          "-",
                          "--1",
                          "0x10",
                          "Infinity",
                          "NaN",
                          "tru",
                          "truee",
                          "nul",
                          "True",
                          "\"",
                          "\"\\\"",
                          "\"\\x\"",
                          "\"\\u12\"",
                          "\"\\u12g4\"",
                          "\"a\nb\"",
                          "\"\t\"",
                          "1 2",
                          "[] []",
                          "{}x",
                          "[1 2]",
                          "{\"a\" 1}",
                          "{\"a\":1 \"b\":2}",
                          "/**/1",
                          "[1,,2]",
                          "\\u0031",
                          "\xef\xbb\xbf[]",
                          "{\"a\":1}}"})
    EXPECT_FALSE(is_valid(bad)) << bad;
}

TEST(Tokenizer, resolves_escapes) {
  EXPECT_EQ(tokens_of(R"("\"\\\/\b\f\n\r\t\u0041\u00e9\u20AC\ud83d\ude00")")[0],
            "string:\"\\/\b\f\n\r\tA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80@0");
}

TEST(Tokenizer, half_a_surrogate_pair_becomes_the_replacement_character) {
  const std::string r = "\xef\xbf\xbd";
  EXPECT_EQ(tokens_of(R"("\ud83d")")[0], "string:" + r + "@0");
  EXPECT_EQ(tokens_of(R"("\ud83dx")")[0], "string:" + r + "x@0");
  EXPECT_EQ(tokens_of(R"("\ude00\ud83d\n")")[0], "string:" + r + r + "\n@0");
  EXPECT_EQ(tokens_of(R"("\ud83d\ud83d\ude00")")[0], "string:" + r + "\xf0\x9f\x98\x80@0");
}

TEST(Tokenizer, keeps_the_front_of_long_text_and_says_so) {
  const std::string exact(JSON_MAX_TEXT_BYTES, 'x');
  EXPECT_EQ(tokens_of("\"" + exact + "\"")[0], "string:" + exact + "@0");
  EXPECT_EQ(tokens_of("[\"" + exact + "yyy\",1]")[1], "string:" + exact + "~@1");
  EXPECT_EQ(tokens_of("[\"" + exact + "y\",\"z\"]")[2], "string:z@1");
  EXPECT_EQ(tokens_of("[1" + std::string(JSON_MAX_TEXT_BYTES, '0') + "]")[1],
            "number:1" + std::string(JSON_MAX_TEXT_BYTES - 1, '0') + "~@1");
}

TEST(Tokenizer, integers) {
  const std::pair<const char *, Result<int64_t>> cases[] = {{"9223372036854775807", INT64_MAX},
                                                            {"-12", -12},
                                                            {"9223372036854775808", Error::MALFORMED},
                                                            {"1.0", Error::MALFORMED},
                                                            {"1e3", Error::MALFORMED}};
  for (const auto &[text, expected] : cases) {
    Tokenizer tokenizer;
    tokenizer.feed(as_bytes(text));
    tokenizer.finish();
    ASSERT_EQ(tokenizer.next(), Token::NUMBER);
    EXPECT_EQ(tokenizer.integer().error(), expected.error()) << text;
    EXPECT_EQ(tokenizer.integer().value_or(0), expected.value_or(0));
  }
}

TEST(Tokenizer, bounds_the_depth) {
  const size_t most = Tokenizer::MAX_DEPTH;
  EXPECT_TRUE(is_valid(std::string(most, '[') + std::string(most, ']')));
  EXPECT_FALSE(is_valid(std::string(most + 1, '[') + std::string(most + 1, ']')));
  std::string mixed;
  for (size_t i = 0; i != most / 2; i++)
    mixed += "[{\"k\":";
  mixed += "1";
  for (size_t i = 0; i != most / 2; i++)
    mixed += "}]";
  EXPECT_TRUE(is_valid(mixed));
}

TEST(Tokenizer, leaves_what_follows_the_value) {
  Tokenizer tokenizer;
  tokenizer.feed(as_bytes("{} tail"));
  EXPECT_EQ(tokenizer.next(), Token::OBJECT_BEGIN);
  EXPECT_EQ(tokenizer.next(), Token::OBJECT_END);
  EXPECT_EQ(tokenizer.next(), Token::DONE);
  EXPECT_EQ(as_text(tokenizer.rest()), " tail");
  EXPECT_EQ(tokenizer.next(), Token::DONE);
}

TEST(Tokenizer, stays_bad_until_reset) {
  Tokenizer tokenizer;
  tokenizer.feed(as_bytes("]"));
  EXPECT_EQ(tokenizer.next(), Token::BAD);
  tokenizer.feed(as_bytes("1"));
  EXPECT_EQ(tokenizer.next(), Token::BAD);
  tokenizer.reset();
  tokenizer.feed(as_bytes("true"));
  EXPECT_EQ(tokenizer.next(), Token::TRUE);
}

TEST(Tokenizer, every_split_gives_the_same_tokens) {
  for (const std::string &json :
       {std::string(R"({"k\u00e9\ud83d\ude00":[-12.5e-3,true,null,"a\\\"b",{"x":{}}],"z":0})"), std::string("[1,2"),
        std::string("{\"a\":tru}"), std::string("\"\\ud83dq\"")}) {
    const auto whole = tokens_of(json);
    for (size_t a = 0; a <= json.size(); a++) {
      for (size_t b = a; b <= json.size(); b++)
        ASSERT_EQ(tokens_of(json, {a, b}), whole) << json << " split at " << a << " and " << b;
    }
    std::vector<size_t> each(json.size());
    for (size_t i = 0; i != each.size(); i++)
      each[i] = i;
    EXPECT_EQ(tokens_of(json, each), whole);
  }
}

TEST(Tokenizer, agrees_with_another_parser_on_mutated_messages) {
  const unsigned seed = 20261;
  std::mt19937 random(seed);
  const std::string base = R"({"a":[1,-2.5e3,"x\n\u0041\\",true,false,null,{"b":{}}],"c":"","d":[[],[{}]],"e":0.1})";
  const std::string alphabet = "{}[]:,\"\\0123456789.eE+-truefalsn \tu\x01\x7f\xc3";
  size_t valid = 0;
  for (int round = 0; round != 60000; round++) {
    std::string json = base;
    for (unsigned n = 1 + random() % 3; n != 0; n--) {
      const size_t at = random() % json.size();
      const char c = alphabet[random() % alphabet.size()];
      switch (random() % 3) {
        case 0:
          json[at] = c;
          break;
        case 1:
          json.insert(at, 1, c);
          break;
        default:
          json.erase(at, 1);
      }
    }
    auto tokens = tokens_of(json);
    ASSERT_FALSE(tokens.empty());
    ASSERT_EQ(tokens.back().starts_with("done"), oracle_accepts(json)) << "seed " << seed << ": " << json;
    valid += tokens.back().starts_with("done");
    const size_t cut = random() % (json.size() + 1);
    ASSERT_EQ(tokens_of(json, {cut}), tokens) << "seed " << seed << ": " << json << " split at " << cut;
  }
  EXPECT_GT(valid, 1000U);
}

TEST(Tokenizer, every_truncation_of_a_message_is_incomplete) {
  const std::string json = testing::load_vectors("samples.json").dump();
  for (size_t n = 0; n < json.size(); n++) {
    Tokenizer tokenizer;
    const std::string front = json.substr(0, n);
    tokenizer.feed(as_bytes(front));
    Token token;
    do
      token = tokenizer.next();
    while (token != Token::NEED_MORE && token != Token::DONE && token != Token::BAD);
    ASSERT_EQ(token, Token::NEED_MORE) << n;
  }
}

}  // namespace
}  // namespace microlink::json
