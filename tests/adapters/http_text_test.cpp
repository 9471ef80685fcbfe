// SPDX-License-Identifier: Apache-2.0
// Texts from outside: paths, base64url, addresses, JSON, schemas, replies, and what a log may show.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <regex>
#include <string>
#include <vector>

#include "adapters/http/address.hpp"
#include "adapters/http/assets.hpp"
#include "adapters/http/response_text.hpp"
#include "adapters/http/schema.hpp"
#include "adapters/http/text.hpp"

namespace thintail::http {
namespace {

using nlohmann::json;

TEST(Target, is_split_before_it_is_decoded) {
  const auto target = parse_target("/api/v1/quotes/XAU%2FUSD?limit=5&q=a+b%26c&flag");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->segments, (std::vector<std::string>{"api", "v1", "quotes", "XAU/USD"}));
  EXPECT_EQ(target->path, "/api/v1/quotes/XAU/USD");
  ASSERT_EQ(target->query.size(), 3u);
  EXPECT_EQ(target->query[1].second, "a b&c");
  EXPECT_EQ(target->query[2], (std::pair<std::string, std::string>{"flag", ""}));
  EXPECT_EQ(parse_target("http://h:1/x")->authority, "h:1");
  EXPECT_EQ(parse_target("http://h")->path, "/");
}

TEST(Target, hostile_paths_are_refused) {
  for (const std::string_view path : {"",
                                      "x",
                                      "*",
                                      "/%00",
                                      "/a%0ab",
                                      "/%zz",
                                      "/%4",
                                      "/%",
                                      "/%c0%af",
                                      "/%ed%a0%80",
                                      "/%ff",
                                      "/..",
                                      "/../etc/passwd",
                                      "/%2e%2e/x",
                                      "/a/%2e%2e%2fb/..",
                                      "/.",
                                      "/a#b",
                                      "//..",
                                      "http:///x",
                                      "/x?a=%00",
                                      "/x?%0d=1",
                                      "/\x7f"}) {
    EXPECT_FALSE(parse_target(path)) << path;
  }
  EXPECT_TRUE(parse_target("/%2e%2e%2fx")) << "an odd name, but one segment, and never a place on a disk";
}

TEST(Base64url, has_one_spelling_for_each_text) {
  for (const std::string& bytes :
       {std::string(), std::string("f"), std::string("fo"), std::string("foo"), std::string("\0\xff\x10", 3)}) {
    EXPECT_EQ(from_base64url(base64url(bytes)), bytes);
  }
  for (const char* text : {"A", "AA=", "AA==", "A A", "AB", "AAB", "A+", "A/", "AAAAA"}) {
    EXPECT_FALSE(from_base64url(text)) << text;  // AB and AAB leave bits over
  }
}

TEST(Redaction, leaves_no_token_in_a_line) {
  const std::string key = "tt_0123456789_" + std::string(43, 'x');
  const std::string jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ." + std::string(43, 'y');
  for (const std::string& line : {"/api?key=" + key, "Authorization: Bearer " + jwt, key + key, "a" + key + "/b",
                                  "cookie=" + std::string(43, 'z') + "; x"}) {
    const std::string shown = redacted(line);
    EXPECT_EQ(shown.find("xxxxxxxx"), std::string::npos) << shown;
    EXPECT_EQ(shown.find("yyyyyyyy"), std::string::npos) << shown;
    EXPECT_EQ(shown.find("zzzzzzzz"), std::string::npos) << shown;
    EXPECT_EQ(shown.find("eyJzdWI"), std::string::npos) << shown;
    EXPECT_NE(shown.find("***"), std::string::npos) << shown;
  }
  EXPECT_EQ(redacted("/api/v1/quotes/XAUUSD@oanda 200"), "/api/v1/quotes/XAUUSD@oanda 200");
}

TEST(Address, of_the_client_is_the_rightmost_that_is_no_trusted_proxy) {
  const std::vector<Network> trusted = {parse_network("10.0.0.0/8").value(), parse_network("::1").value()};
  const Address proxy = *parse_address("10.1.2.3");
  const auto behind = [&](std::vector<std::string_view> headers) {
    return client_behind(proxy, headers, trusted).text();
  };
  EXPECT_EQ(behind({"1.1.1.1, 203.0.113.9, 10.9.9.9"}), "203.0.113.9");
  EXPECT_EQ(behind({"1.1.1.1", "203.0.113.9"}), "203.0.113.9") << "several headers are one list";
  EXPECT_EQ(behind({"[2001:db8::7]:443"}), "2001:db8::7");
  EXPECT_EQ(behind({"evil, 10.9.9.9"}), "10.9.9.9") << "not past what cannot be read";
  EXPECT_EQ(behind({}), "10.1.2.3");
  EXPECT_EQ(client_behind(*parse_address("203.0.113.1"), {"1.1.1.1"}, trusted).text(), "203.0.113.1")
      << "who is not trusted speaks only for itself";
  EXPECT_EQ(parse_address("::ffff:10.0.0.1"), parse_address("10.0.0.1"));
  for (const char* text : {"", "1.2.3", "1.2.3.4.5", "[::1", "::1]", "1.2.3.4:5", "01.2.3.4x", "evil"}) {
    EXPECT_FALSE(parse_address(text)) << text;
  }
  for (const char* text : {"10.0.0.0/33", "::/129", "10.0.0.0/-1", "10.0.0.0/8x", "x/8", ""}) {
    EXPECT_FALSE(parse_network(text)) << text;
  }
}

// --- JSON ------------------------------------------------------------------------------------------------------------

TEST(StrictJson, refuses_what_two_readers_could_read_differently_or_choke_on) {
  const std::string deep = std::string(10'000, '[') + std::string(10'000, ']');
  for (const std::string& text :
       {std::string(""), std::string("{"), deep, std::string(R"({"a":1,"a":2})"), std::string("1e999"),
        std::string("-1e999"), std::string("NaN"), std::string("Infinity"), std::string(R"("\ud800")"),
        std::string(R"("\udc00x")"), std::string("\"\xff\""), std::string("\"\x01\""), std::string("[1,]"),
        std::string("{'a':1}"), std::string("01"), std::string("1 2"), std::string("\"\\u00\""),
        std::string(R"({"a":{"b":1,"b":1}})"), std::string("/*x*/1")}) {
    const auto parsed = parse_json(text);
    EXPECT_FALSE(parsed) << text.substr(0, 40);
    if (!parsed) {
      EXPECT_EQ(parsed.error().code, ErrorCode::http_json);
    }
  }
  EXPECT_EQ(parse_json(R"({"a":{"a":1},"b":{"a":2}})").value()["b"]["a"], 2) << "the same name in another object";
  EXPECT_TRUE(parse_json(std::string(32, '[') + std::string(32, ']')));
  EXPECT_TRUE(parse_json("\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[\""));
}

TEST(Schema, holds_a_value_against_every_keyword) {
  const json schema = {
      {"type", "object"},
      {"required", {"symbol", "quantity"}},
      {"additionalProperties", false},
      {"properties",
       {{"symbol", {{"type", "string"}, {"minLength", 1}, {"maxLength", 8}, {"pattern", "^[A-Z]+$"}}},
        {"quantity", {{"type", "integer"}, {"minimum", 1}, {"maximum", 10}}},
        {"mode", {{"enum", {"paper", "live"}}}},
        {"ratio", {{"type", {"number", "null"}}, {"exclusiveMinimum", 0}}},
        {"list",
         {{"type", "array"}, {"minItems", 1}, {"maxItems", 2}, {"items", {{"$ref", "#/components/schemas/Item"}}}}}}}};
  const json components = {
      {"Item", {{"type", "object"}, {"required", {"x"}}, {"properties", {{"x", {{"type", "boolean"}}}}}}}};
  const auto made = Schema::make(schema, components, "test");
  ASSERT_TRUE(made) << made.error().message();
  const auto pointers = [&](const char* text) {
    std::string out;
    for (const FieldProblem& problem : made->check(json::parse(text))) out += problem.pointer + ";";
    return out;
  };
  EXPECT_EQ(pointers(R"({"symbol":"XAU","quantity":1})"), "");
  EXPECT_EQ(pointers(R"({"symbol":"XAU","quantity":2.0,"mode":"live","ratio":null,"list":[{"x":true}]})"), "");
  EXPECT_EQ(pointers("[]"), ";");
  EXPECT_EQ(pointers("{}"), "/symbol;/quantity;");
  EXPECT_EQ(pointers(R"({"symbol":"","quantity":0})"), "/quantity;/symbol;/symbol;");
  EXPECT_EQ(pointers(R"({"symbol":"XAUXAUXAU","quantity":11})"), "/quantity;/symbol;");
  EXPECT_EQ(pointers(R"({"symbol":"xau","quantity":1.5})"), "/quantity;/symbol;");
  EXPECT_EQ(pointers(R"({"symbol":"XAU","quantity":1,"mod":"live"})"), "/mod;") << "unknown fields are refused";
  EXPECT_EQ(pointers(R"({"symbol":"XAU","quantity":1,"mode":"Live","ratio":0})"), "/mode;/ratio;");
  EXPECT_EQ(pointers(R"({"symbol":"XAU","quantity":1,"list":[]})"), "/list;");
  EXPECT_EQ(pointers(R"({"symbol":"XAU","quantity":1,"list":[{},{"x":1}]})"), "/list/0/x;/list/1/x;");
  EXPECT_EQ(pointers(R"({"symbol":"XAU","quantity":true,"a/b~c":1})"), "/a~1b~0c;/quantity;");
}

TEST(Schema, a_keyword_that_nobody_checks_is_refused_when_it_is_made) {
  for (const char* text : {R"({"multipleOf":2})", R"({"type":"float"})", R"({"properties":[]})", R"({"pattern":"("})",
                           R"({"pattern":"a"})", R"({"pattern":"a","maxLength":10000})", R"({"$ref":"#/x"})",
                           R"({"$ref":"#/components/schemas/None"})", R"({"minLength":-1})", R"({"items":3})", "3",
                           R"({"anyOf":[]})", R"({"$ref":"#/components/schemas/Loop"})"}) {
    const auto made = Schema::make(json::parse(text),
                                   json::parse(R"({"Loop":{"items":{"$ref":"#/components/schemas/Loop"}}})"), "test");
    EXPECT_FALSE(made) << text;
  }
}

TEST(Schema, a_class_of_characters_is_read_like_the_regular_expression_that_it_is) {
  for (const char* pattern : {"^[A-Z]+$", "^[A-Za-z0-9._#+/-]+$", "^[A-Za-z0-9._#+/@-]+$", "^[a-z,]+$", "^[-a]+$",
                              "^[+-]+$", "^[^a]+$", "^[a\\-z]+$", "^[\\w]+$", "^-?[0-9]+$", "^[a]+[b]+$"}) {
    const auto made = Schema::make({{"type", "string"}, {"maxLength", 8}, {"pattern", pattern}}, {}, "test");
    ASSERT_TRUE(made) << pattern;
    const std::regex plain(pattern);
    for (int byte = 1; byte < 128; ++byte) {
      for (const std::string& text :
           {std::string(1, static_cast<char>(byte)), std::string("a") + static_cast<char>(byte),
            std::string("A") + static_cast<char>(byte) + "9"}) {
        ASSERT_EQ(made->check(text).empty(), std::regex_search(text, plain)) << pattern << " " << byte;
      }
    }
    ASSERT_EQ(made->check("").empty(), false);
  }
}

TEST(Schema, problems_are_few_and_show_no_secret) {
  const auto made = Schema::make(
      json::parse(R"({"type":"object","additionalProperties":false,"properties":{"a":{"enum":["x"]}}})"), {}, "test");
  json many = json::object();
  for (int i = 0; i < 1'000; ++i) many[fmt::format("k{}", i)] = 1;
  EXPECT_LE(made->check(many).size(), 16u);
  const std::string token = "tt_0123456789_" + std::string(43, 'x');
  const auto problems = made->check({{"a", token}, {token, 1}});
  ASSERT_EQ(problems.size(), 2u);
  for (const FieldProblem& problem : problems) {
    EXPECT_EQ(problem.detail.find("xxxxx"), std::string::npos);
    EXPECT_EQ(problem.pointer.find("xxxxx"), std::string::npos);
  }
}

TEST(Schema, parameters_are_read_by_their_type) {
  EXPECT_EQ(parameter_value({{"type", "integer"}}, "12"), 12);
  EXPECT_EQ(parameter_value({{"type", "integer"}}, "12x"), "12x");
  EXPECT_EQ(parameter_value({{"type", "integer"}}, "99999999999999999999"), "99999999999999999999");
  EXPECT_EQ(parameter_value({{"type", "number"}}, "1e999"), "1e999");
  EXPECT_EQ(parameter_value({{"type", "number"}}, "nan"), "nan");
  EXPECT_EQ(parameter_value({{"type", "boolean"}}, "true"), true);
  EXPECT_EQ(parameter_value({{"type", "string"}}, "12"), "12");
}

// --- replies ---------------------------------------------------------------------------------------------------------

TEST(ResponseText, a_header_cannot_be_ended_by_what_it_says) {
  std::string out;
  append_response(out, Response::text("x").with("A", "1\r\nSet-Cookie: a=b").with("B\n", "2").with("C", "3"), {});
  EXPECT_EQ(out.find("Set-Cookie"), std::string::npos);
  EXPECT_EQ(out.find("B\n"), std::string::npos);
  EXPECT_NE(out.find("C: 3\r\n"), std::string::npos);
  EXPECT_TRUE(out.ends_with("\r\n\r\nx"));
}

TEST(ResponseText, no_body_where_none_may_be) {
  for (const int status : {101, 204, 304}) {
    std::string out;
    Response response = Response::text("body");
    response.status = status;
    append_response(out, response, {});
    EXPECT_TRUE(out.ends_with("\r\n\r\n")) << out;
    EXPECT_EQ(out.find("Content-Length"), std::string::npos);
  }
  std::string head;
  append_response(head, Response::text("body"), {.is_head = true});
  EXPECT_NE(head.find("Content-Length: 4\r\n"), std::string::npos);
  EXPECT_TRUE(head.ends_with("\r\n\r\n"));
  EXPECT_EQ(http_date(784'111'777), "Sun, 06 Nov 1994 08:49:37 GMT");
}

TEST(ResponseText, an_event_keeps_its_lines) {
  EXPECT_EQ(event_text("7", "fill", "a\nb"), "id: 7\nevent: fill\ndata: a\ndata: b\n\n");
  EXPECT_EQ(event_text("", "", ""), "data: \n\n");
}

// --- assets ----------------------------------------------------------------------------------------------------------

TEST(Assets, are_found_by_their_exact_path_compressed_where_asked_and_kept_by_their_hash) {
  const std::vector<EmbeddedFile> files = {{"index.html", "<html>", {}},
                                           {"assets/index-3f9a1c20.js", "plain", "packed"},
                                           {"assets/app-Bx_9-aZ1.css", "css", {}}};
  const Assets assets(files);
  EXPECT_EQ(*assets.find("/", "", "")->shared_body, "<html>");
  EXPECT_EQ(*assets.find("/assets/index-3f9a1c20.js", "br, gzip;q=0.5", "")->shared_body, "packed");
  EXPECT_EQ(*assets.find("/assets/index-3f9a1c20.js", "gzip;q=0", "")->shared_body, "plain");
  for (const char* path :
       {"", "/assets", "/assets/", "/index.html/", "/../index.html", "//index.html", "/INDEX.html"}) {
    EXPECT_FALSE(assets.find(path, "", "")) << path;
  }
  const auto value = [](const Response& response, std::string_view name) {
    for (const Field& field : response.headers) {
      if (field.name == name) return field.value;
    }
    return std::string();
  };
  const Response index = *assets.find("/index.html", "", "");
  EXPECT_EQ(value(index, "Cache-Control"), "no-cache");
  EXPECT_EQ(assets.find("/index.html", "", value(index, "ETag"))->status, 304);
  EXPECT_EQ(assets.find("/index.html", "", "\"0\"")->status, 200);
  for (const char* path : {"/assets/index-3f9a1c20.js", "/assets/app-Bx_9-aZ1.css"}) {
    EXPECT_NE(value(*assets.find(path, "", ""), "Cache-Control").find("immutable"), std::string::npos) << path;
  }
  EXPECT_FALSE(has_hashed_name("manifest.webmanifest"));
  EXPECT_FALSE(has_hashed_name("a-longname.js"));
}

}  // namespace
}  // namespace thintail::http
