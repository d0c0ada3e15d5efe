#include "crds/schema.h"

#include <rapidcheck.h>

#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "corpus.h"
#include "crds/decode.h"
#include "crds/explain.h"
#include "crds/print.h"
#include "generate.h"

namespace crds {
namespace {

using Json = nlohmann::json;
using Adapter = valijson::adapters::NlohmannJsonAdapter;
using ::testing::HasSubstr;

Json to_json(const Value& value) {
  switch (value.type) {
    case Value::Type::kBool:
      return value.boolean;
    case Value::Type::kInteger:
      return value.integer;
    case Value::Type::kNumber:
      return value.number;
    case Value::Type::kString:
    case Value::Type::kTime:
      return value.text;
    case Value::Type::kArray: {
      Json out = Json::array();
      for (const Value& item : value.items) out.push_back(to_json(item));
      return out;
    }
    case Value::Type::kTable: {
      Json out = Json::object();
      for (const Member& member : value.members) out[member.key] = to_json(member.value);
      return out;
    }
    default:
      return nullptr;
  }
}

// The JSON Schema that editors get, in the hands of another implementation.
class EditorSchema {
 public:
  EditorSchema(const std::string& kind, Form form) {
    const Json text = Json::parse(*json_schema(kind, form));
    valijson::SchemaParser parser;
    parser.populateSchema(Adapter(text), schema_);
  }
  bool accepts(const Json& document) const {
    valijson::Validator validator;
    return validator.validate(schema_, Adapter(document), nullptr);
  }

 private:
  valijson::Schema schema_;
};

std::string kind_of(const std::string& path) {
  return path.starts_with("services/") ? "Service" : path.starts_with("nodes/") ? "Node" : "Fleet";
}

TEST(Schema, EditorsAcceptAndRejectWhatWeDo) {
  std::map<std::pair<std::string, Form>, EditorSchema> editors;
  for (const std::string& kind : kinds())
    for (const Form form : {Form::kToml, Form::kYaml})
      editors.try_emplace({kind, form}, kind, form);
  int accepted = 0, rejected = 0;
  for (const char* folder : {"good", "bad"})
    for (const auto& [path, text] : test::definitions(test::corpus(folder)))
      for (const Value& document : parse_file(path, text).documents) {
        const Form form = path.ends_with(".toml") ? Form::kToml : Form::kYaml;
        const std::string kind = kind_of(path);
        const auto problems = validate(*find_schema(kind, form), document, path);
        EXPECT_EQ(editors.at({kind, form}).accepts(to_json(document)), problems.empty())
            << path << ": " << (problems.empty() ? "" : problems.front().text());
        ++(problems.empty() ? accepted : rejected);
      }
  EXPECT_GT(accepted, 10);
  EXPECT_GT(rejected, 10);
}

// One value somewhere in the tree.
Value& any_place(Value& value) {
  Value* at = &value;
  for (;;) {
    std::vector<Value*> inner;
    for (Value& item : at->items) inner.push_back(&item);
    for (Member& member : at->members) inner.push_back(&member.value);
    if (inner.empty() || test::pick(5) == 4) return *at;
    at = inner[test::pick(static_cast<int>(inner.size()))];
  }
}

void mutate(Value& root) {
  Value& value = any_place(root);
  switch (test::pick(6)) {
    case 0:
      value.type = Value::Type::kString;
      value.text =
          std::vector<std::string>{"", "x", "8080", "a b", "/x", "no", "l7"}[test::pick(7)];
      break;
    case 1:
      value.type = Value::Type::kInteger;
      value.integer = std::vector<int64_t>{0, -1, 1, 443, 70000}[test::pick(5)];
      break;
    case 2:
      value.type = Value::Type::kBool;
      value.boolean = test::pick(2) == 1;
      break;
    case 3:
      if (!value.members.empty())
        value.members.erase(value.members.begin() +
                            test::pick(static_cast<int>(value.members.size())));
      break;
    case 4:
      if (value.type == Value::Type::kTable) {
        Value added;
        added.type = Value::Type::kString;
        added.text = "x";
        const std::string key =
            std::vector<std::string>{"x", "tcp", "http", "image", "node"}[test::pick(5)];
        if (value.find(key) == nullptr) value.members.push_back({key, {}, added});
      }
      break;
    default:
      value.type = test::pick(2) == 0 ? Value::Type::kArray : Value::Type::kTable;
  }
}

TEST(Schema, EditorsAgreeOnMutationsToo) {
  const EditorSchema editor("Service", Form::kToml);
  EXPECT_TRUE(rc::check([&] {
    Value root = parse_file("a.toml", to_toml(test::any_service())).documents.front();
    for (int i = 1 + test::pick(2); i > 0; --i) mutate(root);
    const auto problems = validate(*find_schema("Service", Form::kToml), root, "a.toml");
    const Json json = to_json(root);
    if (editor.accepts(json) != problems.empty())
      RC_FAIL((problems.empty() ? "we accept" : problems.front().text()) + "\n" + json.dump(1));
  }));
}

void expect_described(const Schema& schema, const std::string& path) {
  EXPECT_FALSE(schema.description.empty()) << path;
  if (!schema.pattern.empty()) {
    EXPECT_FALSE(schema.hint.empty()) << path << ": a pattern needs words";
    EXPECT_TRUE(schema.max_length) << path << ": a pattern needs a length";
  }
  for (const auto& value : {schema.example, schema.fallback}) {
    EXPECT_TRUE(!value || validate(schema, *value, path).empty()) << path;
  }
  for (const Property& property : schema.properties)
    expect_described(property.schema, path + "." + property.name);
  for (const Schema& alternative : schema.one_of) expect_described(alternative, path + "|");
  if (schema.items != nullptr) expect_described(*schema.items, path + "[]");
  if (schema.additional != nullptr) expect_described(*schema.additional, path + ".*");
}

TEST(Schema, EveryFieldIsDescribedAndItsExampleIsValid) {
  for (const std::string& kind : kinds())
    for (const Form form : {Form::kToml, Form::kYaml})
      expect_described(*find_schema(kind, form), kind);
}

// What the documents call a default is what absence means.
TEST(Schema, DefaultsAreThoseOfTheTypes) {
  const auto service = [](const std::string& top, const std::string& component,
                          const std::string& rest) {
    const DecodedFile file =
        decode_file("services/a.toml",
                    "name = \"a\"\n" + top + "[[components]]\nname = \"c\"\n" + component + rest);
    EXPECT_TRUE(file.problems.empty()) << file.problems.front().text();
    return file.services.front().value;
  };
  const std::string tail = "[components.health]\ncmd = \"x\"\n", route = "[[components.routes]]\n";
  const Service plain = service("", "", tail + route);
  EXPECT_EQ(plain, service("active = true\n", "", tail + route));
  EXPECT_EQ(plain, service("", "",
                           tail +
                               "interval = \"2s\"\ntimeout = \"1s\"\nretries = 3\nstart_period = "
                               "\"30s\"\n" +
                               route + "port = 443\nmode = \"l4\"\n"));
  const auto fallback = [](const std::string& kind, std::initializer_list<const char*> path) {
    const Schema* at = find_schema(kind, Form::kToml);
    for (const char* name : path) {
      if (at->items != nullptr) at = at->items.get();
      at = at->find(name);
    }
    return at->fallback.value();
  };
  EXPECT_TRUE(fallback("Service", {"active"}).boolean);
  EXPECT_EQ(fallback("Service", {"components", "health", "interval"}).text, "2s");
  EXPECT_EQ(fallback("Service", {"components", "health", "timeout"}).text, "1s");
  EXPECT_EQ(fallback("Service", {"components", "health", "retries"}).integer, Health().retries);
  EXPECT_EQ(fallback("Service", {"components", "health", "start_period"}).text, "30s");
  const auto millis = [&](const char* field) {
    return *base::parse_duration(fallback("Service", {"components", "rollout", field}).text);
  };
  EXPECT_EQ(millis("watch"), RolloutSettings().watch);
  EXPECT_EQ(millis("drain"), RolloutSettings().drain);
  EXPECT_EQ(millis("hold"), RolloutSettings().hold);
  EXPECT_EQ(fallback("Service", {"components", "routes", "port"}).integer, Route().port);
  EXPECT_EQ(fallback("Service", {"components", "routes", "mode"}).text, "l4");
  EXPECT_EQ(fallback("Fleet", {"prune", "max"}).integer, Fleet().prune_max);
  EXPECT_EQ(fallback("Fleet", {"prune", "percent"}).integer, Fleet().prune_percent);
  EXPECT_EQ(fallback("Node", {"schedulable"}).boolean, Node().schedulable);
}

TEST(Schema, LongTextsMatchInLinearTimeAndSpace) {
  std::string text = "name = \"a\"\n[[components]]\nname = \"c\"\nimage = \"";
  text += std::string(900'000, 'a') + "!\"\n";
  EXPECT_EQ(decode_file("services/a.toml", text).problems.size(), 1u);
}

TEST(Explain, Golden) {
  for (const char* path :
       {"service", "Node", "fleets", "service.components", "fleet.prune",
        "service.components.image", "service.components[0].health", "service.components.env",
        "service.spec.node", "service.components.ports", "service.components.rollout"})
    test::expect_golden(test::corpus("explain/") + path + ".txt", explain(path).value());
}

TEST(Explain, UnknownNamesAreSuggested) {
  const auto message = [](const char* path) {
    const auto result = explain(path);
    return result ? "explained" : result.error().text();
  };
  EXPECT_THAT(message("servic"), HasSubstr("did you mean 'service'?"));
  EXPECT_THAT(message("service.components.imag"), HasSubstr("did you mean 'image'?"));
  EXPECT_THAT(message("service.node.name"), HasSubstr("has none"));
  EXPECT_THAT(message(""), HasSubstr("kinds: service, node, fleet"));
  EXPECT_FALSE(markdown("Pod"));
  EXPECT_FALSE(json_schema("Pod", Form::kToml));
  EXPECT_EQ(json_schema("service", Form::kToml).value(),
            json_schema("Service", Form::kToml).value());
}

TEST(Pages, AreWrittenFromTheDocuments) {
  for (const std::string& kind : kinds()) {
    std::string file = kind + ".md";
    file[0] = static_cast<char>(file[0] | 0x20);
    test::expect_golden(MCP_SOURCE_DIR "/docs/kinds/" + file, markdown(kind).value());
  }
}

}  // namespace
}  // namespace crds
