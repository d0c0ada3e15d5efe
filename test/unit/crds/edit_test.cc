#include "crds/edit.h"

#include "base/core/time.h"
#include "corpus.h"

namespace crds {
namespace {

using ::testing::HasSubstr;

const ServiceName kWeb("web");
const ComponentName kApi("api");

base::Result<std::string> apply(const std::string& operation, const std::string& path,
                                const std::string& text) {
  if (operation == "stop") return set_active(path, text, kWeb, false);
  if (operation == "start") return set_active(path, text, kWeb, true);
  if (operation == "version") return set_version(path, text, kWeb, "v2");
  if (operation == "number") return set_version(path, text, kWeb, "1.10");
  if (operation == "restart")
    return set_restarted_at(path, text, kWeb, *base::parse_rfc3339("2027-01-02T03:04:05Z"));
  if (operation == "image")
    return set_component_image(path, text, kWeb, kApi, "registry.example.net:5000/web:v2");
  if (operation == "resume") return clear_suspend(path, text, kWeb);
  if (operation == "rest") return set_suspend(path, text, kWeb, {});
  if (operation == "suspend")
    return set_suspend(path, text, kWeb,
                       {*base::parse_rfc3339("2027-01-02T03:04:05Z"), "moving \"it\""});
  return remove_service(path, text, kWeb);
}

struct Case {
  const char* name;
  const char* operation;
  std::string before;
  std::string after;
};

const std::string kComponents = "[[components]]\nname = \"api\"\nimage = \"a:v1\"\n";

const Case kTomlCases[] = {
    {"replaces the value and keeps its comment", "stop",
     "name = \"web\"\n\n# why\nactive   =  true# on\n" + kComponents,
     "name = \"web\"\n\n# why\nactive   =  false# on\n" + kComponents},
    {"adds after the name, with its comment", "stop", "name = \"web\"  # us\n\n" + kComponents,
     "name = \"web\"  # us\nactive = false\n\n" + kComponents},
    {"adds after the node", "version", "name = \"web\"\nnode = \"rift\"\n" + kComponents,
     "name = \"web\"\nnode = \"rift\"\nversion = \"v2\"\n" + kComponents},
    {"keeps carriage returns", "restart",
     "name = \"web\"\r\nversion = \"v1\"\r\n[[components]]\r\nname = \"api\"\r\n",
     "name = \"web\"\r\nversion = \"v1\"\r\nrestarted_at = 2027-01-02T03:04:05Z\r\n"
     "[[components]]\r\nname = \"api\"\r\n"},
    {"keeps a byte order mark", "stop", "\xEF\xBB\xBFname = \"web\"\n" + kComponents,
     "\xEF\xBB\xBFname = \"web\"\nactive = false\n" + kComponents},
    {"keeps the kind of quotes", "version", "name = 'web'\nversion = 'v1'\n" + kComponents,
     "name = 'web'\nversion = 'v2'\n" + kComponents},
    {"keeps a time in quotes", "restart",
     "name = 'web'\nrestarted_at = \"2026-11-22T10:00:00+01:00\" # x\n" + kComponents,
     "name = 'web'\nrestarted_at = \"2027-01-02T03:04:05Z\" # x\n" + kComponents},
    {"keeps a bare time bare", "restart",
     "name = 'web'\nrestarted_at = 2026-11-22 10:00:00Z # x\n" + kComponents,
     "name = 'web'\nrestarted_at = 2027-01-02T03:04:05Z # x\n" + kComponents},
    {"knows quoted keys", "stop", "\"name\" = \"web\"\n  'active'=true\n" + kComponents,
     "\"name\" = \"web\"\n  'active'=false\n" + kComponents},
    {"replaces a string of several lines", "version",
     "name = \"web\"\nversion = \"\"\"\\\n   v1\"\"\" # x\n" + kComponents,
     "name = \"web\"\nversion = \"v2\" # x\n" + kComponents},
    {"counts characters, not bytes", "stop",
     "name = \"web\" # \xC3\xA4\nlabels = { a = \"\xC3\xA4\xF0\x9F\x90\xB3\" }\nactive = true # "
     "\xC3\xA4\n" +
         kComponents,
     "name = \"web\" # \xC3\xA4\nlabels = { a = \"\xC3\xA4\xF0\x9F\x90\xB3\" }\nactive = false # "
     "\xC3\xA4\n" +
         kComponents},
    {"is not misled by comments and strings", "stop",
     "# active = true\nname = \"web\"\npath = \"active = true\"\n" + kComponents,
     "# active = true\nname = \"web\"\nactive = false\npath = \"active = true\"\n" + kComponents},
    {"changes nothing that is so already", "start", "name = \"web\"\n" + kComponents,
     "name = \"web\"\n" + kComponents},
    {"replaces the image of one component", "image",
     "name = \"web\"\n[[components]]\nname = \"db\"\nimage = \"a:v1\"\n" + kComponents + "# end",
     "name = \"web\"\n[[components]]\nname = \"db\"\nimage = \"a:v1\"\n[[components]]\nname = "
     "\"api\"\nimage = \"registry.example.net:5000/web:v2\"\n# end"},
    {"adds an image at the end of the file", "image",
     "name = \"web\"\n[[components]]\n  name = \"api\"",
     "name = \"web\"\n[[components]]\n  name = \"api\"\n  image = "
     "\"registry.example.net:5000/web:v2\""},
    {"adds an image before subtables", "image",
     "name = \"web\"\n[[components]]\nname = \"api\"\n[components.health]\ntcp = true\nport = "
     "\"80\"\n",
     "name = \"web\"\n[[components]]\nname = \"api\"\nimage = "
     "\"registry.example.net:5000/web:v2\"\n"
     "[components.health]\ntcp = true\nport = \"80\"\n"},
    {"replaces inside an inline table", "image",
     "name = \"web\"\ncomponents = [{ name = \"api\", image = 'a@sha256:"
     "0123456789abcdef0123456789abcdef' }, { name = \"db\" }]\n",
     "name = \"web\"\ncomponents = [{ name = \"api\", image = "
     "'registry.example.net:5000/web:v2' }, { name = \"db\" }]\n"},
    {"adds inside an inline table", "image",
     "name = \"web\"\ncomponents = [ # all\n  { name = \"api\", cpus = 1 },\n]\n",
     "name = \"web\"\ncomponents = [ # all\n  { name = \"api\", image = "
     "\"registry.example.net:5000/web:v2\", cpus = 1 },\n]\n"},
    {"suspends", "suspend", "name = \"web\" # us\nactive = true # on\n" + kComponents,
     "name = \"web\" # us\nactive = true # on\nsuspend = { until = 2027-01-02T03:04:05Z, reason = "
     "\"moving \\\"it\\\"\" }\n" +
         kComponents},
    {"suspends without an end", "rest", "name = \"web\"\n" + kComponents,
     "name = \"web\"\nsuspend = {}\n" + kComponents},
    {"suspends for longer", "suspend",
     "name = \"web\"\nsuspend = { reason = \"x\" } # ask us\n" + kComponents,
     "name = \"web\"\nsuspend = { until = 2027-01-02T03:04:05Z, reason = \"moving \\\"it\\\"\" } # "
     "ask us\n" +
         kComponents},
    {"resumes", "resume",
     "name = \"web\"\n# why\n  suspend = { reason = \"}#\" } # x\r\n\n" + kComponents,
     "name = \"web\"\n# why\n\n" + kComponents},
    {"resumes what is not suspended", "resume", "name = \"web\"\n" + kComponents,
     "name = \"web\"\n" + kComponents},
    {"removes the only service", "remove", "name = \"web\"\n" + kComponents, ""},
    {"removes a service that cannot be read", "remove", "name = \"web\"\nactive = maybe\n", ""},
};

const std::string kHead =
    "apiVersion: mcp.metacircular.net/v1\nkind: Service\nmetadata:\n  name: web # us\n";
const std::string kOther =
    "apiVersion: mcp.metacircular.net/v1\nkind: Service\nmetadata: {name: other}\n"
    "spec: {active: true, components: [{name: api, image: \"a:v1\"}]}\n";

const Case kYamlCases[] = {
    {"replaces the value and keeps its comment", "stop",
     kHead +
         "spec:\n  # why\n  active:   true  # on\n  components:\n  - name: api\n    image: a:v1\n",
     kHead + "spec:\n  # why\n  active:   false  # on\n  components:\n  - name: api\n    image: "
             "a:v1\n"},
    {"adds at the start of the spec", "stop",
     kHead + "spec: # what\n    # all\n    components:\n      - {name: api, image: a:v1}\n",
     kHead +
         "spec: # what\n    active: false\n    # all\n    components:\n      - {name: api, image: "
         "a:v1}\n"},
    {"adds after the node", "version",
     kHead + "spec:\n  components: [{name: api}]\n  node: rift # here",
     kHead + "spec:\n  components: [{name: api}]\n  node: rift # here\n  version: v2"},
    {"adds in flow style", "stop", kHead + "spec: { components: [{name: api, image: a}] } # x\n",
     kHead + "spec: { active: false, components: [{name: api, image: a}] } # x\n"},
    {"adds after a field in flow style", "version",
     kHead + "spec: {node: \"rift\", components: [{name: api, image: a}]}\n",
     kHead + "spec: {node: \"rift\", version: v2, components: [{name: api, image: a}]}\n"},
    {"keeps double quotes", "image",
     kHead + "spec:\n  components:\n    - name: api\n      image: \"a:v1\" # x\n",
     kHead + "spec:\n  components:\n    - name: api\n      image: "
             "\"registry.example.net:5000/web:v2\" # x\n"},
    {"keeps single quotes", "image",
     kHead + "spec:\n  components:\n    - name: db\n      image: 'a:v1'\n    - image: 'a:v1' # x\n"
             "      name: api\n",
     kHead + "spec:\n  components:\n    - name: db\n      image: 'a:v1'\n    - image: "
             "'registry.example.net:5000/web:v2' # x\n      name: api\n"},
    {"adds an image after the dash", "image",
     kHead + "spec:\n  components:\n  -   name: api\n      cpus: 1\n",
     kHead +
         "spec:\n  components:\n  -   name: api\n      image: registry.example.net:5000/web:v2\n"
         "      cpus: 1\n"},
    {"quotes what would be a number", "number",
     kHead + "spec:\n  version: v1\n  components: [{name: api, image: a}]\n",
     kHead + "spec:\n  version: \"1.10\"\n  components: [{name: api, image: a}]\n"},
    {"keeps carriage returns", "restart",
     "apiVersion: mcp.metacircular.net/v1\r\nkind: Service\r\nmetadata: {name: web}\r\nspec:\r\n  "
     "active: true\r\n  components:\r\n  - {name: api, image: a}\r\n",
     "apiVersion: mcp.metacircular.net/v1\r\nkind: Service\r\nmetadata: {name: web}\r\nspec:\r\n  "
     "active: true\r\n  restarted_at: 2027-01-02T03:04:05Z\r\n  components:\r\n  - {name: api, "
     "image: a}\r\n"},
    {"edits the document that is meant", "stop",
     kOther + "---\n" + kHead + "spec: {active: true, components: [{name: api, image: a}]}\n---\n" +
         kOther,
     kOther + "---\n" + kHead +
         "spec: {active: false, components: [{name: api, image: a}]}\n---\n" + kOther},
    {"replaces a value over several lines", "image",
     kHead + "spec:\n  components:\n    - image: >-\n        a:v1\n\n      # x\n      name: api\n",
     kHead + "spec:\n  components:\n    - image: registry.example.net:5000/web:v2\n\n      # x\n"
             "      name: api\n"},
    {"replaces a value on the next line", "image",
     kHead + "spec:\n  components:\n    - image: # which\n        a:v1 # this\n      name: api\n",
     kHead +
         "spec:\n  components:\n    - image: # which\n        registry.example.net:5000/web:v2 # "
         "this\n      name: api\n"},
    {"keeps an anchor that nobody uses", "version",
     kHead + "spec:\n  version: &v v1\n  components: [{name: api, image: a}]\n",
     kHead + "spec:\n  version: &v v2\n  components: [{name: api, image: a}]\n"},
    {"replaces an alias by the value", "image",
     kHead +
         "spec:\n  components:\n    - {name: db, image: &i a:v1}\n    - {name: api, image: *i}\n",
     kHead + "spec:\n  components:\n    - {name: db, image: &i a:v1}\n    - {name: api, image: "
             "registry.example.net:5000/web:v2}\n"},
    {"suspends", "suspend", kHead + "spec:\n  active: true # on\n  components: [{name: api}]\n",
     kHead + "spec:\n  active: true # on\n  suspend: {until: \"2027-01-02T03:04:05Z\", reason: "
             "\"moving \\\"it\\\"\"}\n  components: [{name: api}]\n"},
    {"suspends for longer", "suspend",
     kHead + "spec:\n  suspend: {reason: \"}'\"} # ask\n  components: [{name: api}]\n",
     kHead + "spec:\n  suspend: {until: \"2027-01-02T03:04:05Z\", reason: \"moving \\\"it\\\"\"} # "
             "ask\n  components: [{name: api}]\n"},
    {"resumes", "resume",
     kHead + "spec:\n  # why\n  suspend: {until: \"2027-01-02T03:04:05Z\"} # x\n  components: "
             "[{name: api}]\n",
     kHead + "spec:\n  # why\n  components: [{name: api}]\n"},
    {"resumes over several lines", "resume",
     kHead +
         "spec:\n  suspend:\n    # until then\n    until: \"2027-01-02T03:04:05Z\"\n    reason: "
         "x\n  components: [{name: api}]\n",
     kHead + "spec:\n  components: [{name: api}]\n"},
    {"resumes in flow style", "resume",
     kHead + "spec: {suspend: {reason: x}, components: [{name: api}]}\n",
     kHead + "spec: {components: [{name: api}]}\n"},
    {"resumes at the end in flow style", "resume",
     kHead + "spec: {components: [{name: api}], suspend: {}}\n",
     kHead + "spec: {components: [{name: api}]}\n"},
    {"removes the only service", "remove", kHead + "spec: {components: [{name: api}]}\n", ""},
    {"removes the first document", "remove",
     kHead + "spec: {components: [{name: api}]}\n--- # next\n" + kOther, "--- # next\n" + kOther},
    {"keeps the comments at the head of the file", "remove",
     "# Services of the team.\n\n# Ask first.\n\n" + kHead +
         "spec: {components: [{name: api}]}\n---\n" + kOther,
     "# Services of the team.\n\n# Ask first.\n---\n" + kOther},
    {"keeps them behind the first marker", "remove",
     "--- # all\n# Services of the team.\r\n" + kHead + "spec: {components: [{name: api}]}\n---\n" +
         kOther,
     "# Services of the team.\r\n---\n" + kOther},
    {"takes the comments of a later document with it", "remove",
     "# all\n" + kOther + "---\n# ours\n" + kHead + "spec: {components: [{name: api}]}\n",
     "# all\n" + kOther},
    {"removes the last document", "remove",
     kOther + "---\n" + kHead + "spec: {components: [{name: api}]}\n...\n", kOther},
    {"removes a document between others", "remove",
     "# all\n---\n" + kOther + "---\n" + kHead + "spec: {components: [{name: api}]}\n---\n# x\n" +
         kOther,
     "# all\n---\n" + kOther + "---\n# x\n" + kOther},
};

TEST(Edit, TomlChangesNothingElse) {
  for (const Case& c : kTomlCases) {
    const auto edited = apply(c.operation, "services/web.toml", c.before);
    ASSERT_TRUE(edited) << c.name << ": " << edited.error().text();
    EXPECT_EQ(*edited, c.after) << c.name;
  }
}

TEST(Edit, YamlChangesNothingElse) {
  for (const Case& c : kYamlCases) {
    const auto edited = apply(c.operation, "services/web.yaml", c.before);
    ASSERT_TRUE(edited) << c.name << ": " << edited.error().text();
    EXPECT_EQ(*edited, c.after) << c.name;
  }
}

TEST(Edit, WhatCannotBeDoneIsAnError) {
  const std::string toml = "name = \"web\"\n" + kComponents;
  const auto message = [](const base::Result<std::string>& result) {
    return result ? "done: " + *result : result.error().text();
  };
  const std::string path = "services/web.toml";
  EXPECT_THAT(message(set_active(path, toml, ServiceName("wbe"), false)),
              HasSubstr("does not define the service 'wbe'"));
  EXPECT_THAT(message(set_version(path, toml, kWeb, "not a tag")),
              HasSubstr("cannot set version of web: services/web.toml:2:11"));
  EXPECT_THAT(message(set_component_image(path, toml, kWeb, ComponentName("apy"), "a:v2")),
              HasSubstr("did you mean 'api'?"));
  EXPECT_THAT(message(set_active(path, "name = \"web\"\nactive = maybe\n", kWeb, false)),
              HasSubstr("services/web.toml:2:"));
  EXPECT_THAT(message(remove_service(path, toml, ServiceName("other"))),
              HasSubstr("does not define"));
  // The text of one value is that of another as well.
  const std::string yaml = kHead +
                           "spec:\n  version: &v v1\n  components: [{name: api, image: a, env: {V: "
                           "*v}}]\n";
  EXPECT_THAT(message(set_version("services/web.yaml", yaml, kWeb, "v2")),
              HasSubstr("edit the file by hand"));
  const std::string twice = kOther + "---\n" + kOther;
  EXPECT_THAT(message(set_active("services/a.yaml", twice, ServiceName("other"), false)),
              HasSubstr("twice"));
  EXPECT_THAT(message(remove_service("services/a.yaml", twice, ServiceName("other"))),
              HasSubstr("twice"));
}

struct NodeCase {
  const char* name;
  const char* path;
  bool schedulable;
  std::string before;
  std::string after;
};

TEST(Edit, NodesChangeNothingElse) {
  const std::string head =
      "apiVersion: mcp.metacircular.net/v1\nkind: Node\nmetadata: {name: rift}\n";
  const std::string svc =
      "apiVersion: mcp.metacircular.net/v1\nkind: Node\nmetadata: {name: svc}\n";
  for (const NodeCase& c : {
           NodeCase{"adds after the agent", "nodes/rift.toml", false,
                    "name = \"rift\" # r\nagent = \"unix:///x\" # a\n[labels]\na = \"b\"\n",
                    "name = \"rift\" # r\nagent = \"unix:///x\" # a\nschedulable = false\n"
                    "[labels]\na = \"b\"\n"},
           {"changes the value", "nodes/rift.toml", true,
            "schedulable = false # until Monday\nname = \"rift\"\n",
            "schedulable = true # until Monday\nname = \"rift\"\n"},
           {"says nothing twice", "nodes/rift.toml", true, "name = \"rift\"\n",
            "name = \"rift\"\n"},
           {"edits the document that is meant", "nodes/all.yaml", false,
            svc + "spec: {address: a}\n---\n" + head + "spec:\n  address: b # b\n",
            svc + "spec: {address: a}\n---\n" + head +
                "spec:\n  address: b # b\n  schedulable: false\n"},
       }) {
    const auto edited = set_schedulable(c.path, c.before, NodeName("rift"), c.schedulable);
    ASSERT_TRUE(edited) << c.name << ": " << edited.error().text();
    EXPECT_EQ(*edited, c.after) << c.name;
  }
  EXPECT_EQ(*remove_node("nodes/rift.toml", "name = \"rift\"\n", NodeName("rift")), "");
  EXPECT_EQ(*remove_node("nodes/all.yaml", svc + "---\n" + head, NodeName("rift")), svc);
  EXPECT_THAT(set_schedulable("nodes/all.yaml", head, NodeName("rift"), false).error().text(),
              HasSubstr("no spec"));
  EXPECT_THAT(remove_node("nodes/all.yaml", svc, NodeName("rift")).error().text(),
              HasSubstr("does not define the node 'rift'"));
}

}  // namespace
}  // namespace crds
