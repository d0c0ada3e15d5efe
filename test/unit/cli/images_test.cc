#include "controller/cli/images.h"

#include <gtest/gtest.h>

namespace controller {
namespace {

crds::Service service(const std::string& version, std::vector<std::string> images) {
  crds::Service out;
  out.name = crds::ServiceName("web");
  out.version = version;
  for (size_t i = 0; i < images.size(); ++i) {
    crds::Component component;
    component.name = crds::ComponentName("c" + std::to_string(i));
    component.image = images[i];
    out.components.push_back(component);
  }
  return out;
}

TEST(Images, TagsAreBehindTheLastSlash) {
  EXPECT_EQ(image_tag("registry:5000/web:v1"), "v1");
  EXPECT_EQ(image_tag("registry:5000/web"), "");
  EXPECT_EQ(image_tag("web"), "");
  EXPECT_EQ(image_tag("web@sha256:00"), "");
  EXPECT_EQ(with_tag("registry:5000/web:v1", "v2"), "registry:5000/web:v2");
  EXPECT_EQ(with_tag("registry:5000/web", "v2"), "registry:5000/web:v2");
}

TEST(Images, AVersionChangesWhatFollowsIt) {
  struct Case {
    std::string version;
    std::vector<std::string> images;
    std::string component;
    bool set_version;
    std::string from;
    std::map<std::string, std::string> changed;
  };
  for (const Case& one : std::vector<Case>{
           {"v1", {""}, "", true, "v1", {}},
           {"", {""}, "", true, "", {}},
           {"v1", {"r/web"}, "", true, "v1", {}},
           {"", {"r/web:v1"}, "", false, "v1", {{"c0", "r/web:v2"}}},
           {"v1", {"r/web:v1"}, "", true, "v1", {{"c0", "r/web:v2"}}},
           {"v1", {"r/web:v1", "r/db:16"}, "", true, "v1", {{"c0", "r/web:v2"}}},
           {"v1", {"", "r/db:16"}, "", true, "v1", {}},
           {"",
            {"r/web:v1", "r/api:v1"},
            "",
            false,
            "v1",
            {{"c0", "r/web:v2"}, {"c1", "r/api:v2"}}},
           {"v1", {"r/web:v1", "r/db:16"}, "c1", false, "16", {{"c1", "r/db:v2"}}},
       }) {
    SCOPED_TRACE(one.version + " " + testing::PrintToString(one.images) + " " + one.component);
    const auto change =
        plan_version(service(one.version, one.images), crds::ComponentName(one.component), "v2");
    ASSERT_TRUE(change) << change.error().text();
    EXPECT_EQ(change->set_version, one.set_version);
    EXPECT_EQ(change->from, one.from);
    std::map<std::string, std::string> changed;
    for (const auto& [name, image] : change->images) changed[name.str()] = image;
    EXPECT_EQ(changed, one.changed);
  }
}

TEST(Images, AVersionThatWouldChangeNothingIsAnError) {
  EXPECT_FALSE(plan_version(service("", {"r/web:v1", "r/db:16"}), {}, "v2"));
  EXPECT_FALSE(plan_version(service("v1", {"r/web@sha256:00"}), {}, "v2"));
  EXPECT_FALSE(plan_version(service("v1", {"r/web"}), crds::ComponentName("c0"), "v2"));
}

}  // namespace
}  // namespace controller
