#include <rapidcheck.h>

#include "base/core/text.h"
#include "base/core/time.h"
#include "corpus.h"
#include "crds/decode.h"
#include "crds/edit.h"
#include "crds/print.h"
#include "generate.h"

namespace crds {
namespace {

// The service that the text defines, or what is wrong with it.
base::Result<Service> decode_one(const std::string& path, const std::string& text) {
  const DecodedFile file = decode_file(path, text);
  if (!file.problems.empty()) return base::invalid(file.problems.front().text());
  if (file.services.size() != 1) return base::invalid("not one service");
  return file.services.front().value;
}

void assert_means(const std::string& path, const std::string& text, const Service& service) {
  const auto decoded = decode_one(path, text);
  if (!decoded) RC_FAIL(decoded.error().text() + "\n" + text);
  if (*decoded != service) RC_FAIL("means another service:\n" + text);
}

// How many lines of one text the other has in other words.
struct Difference {
  int changed = 0;
  int added = 0;
};
Difference compare(const std::string& before, const std::string& after) {
  const auto a = base::split(before, '\n'), b = base::split(after, '\n');
  size_t head = 0, tail = 0;
  while (head < a.size() && head < b.size() && a[head] == b[head]) ++head;
  while (tail + head < a.size() && tail + head < b.size() &&
         a[a.size() - 1 - tail] == b[b.size() - 1 - tail])
    ++tail;
  return {static_cast<int>(a.size() - head - tail), static_cast<int>(b.size() - a.size())};
}

base::Result<std::string> random_edit(const std::string& path, const std::string& text,
                                      Service& service) {
  switch (test::pick(5)) {
    case 0:
      service.active = !service.active;
      return set_active(path, text, service.name, service.active);
    case 1:
      service.version = test::pick(2) == 0 ? "v2.0.0" : "2.0";
      return set_version(path, text, service.name, service.version);
    case 2:
      service.restarted_at = base::TimePoint(base::Millis(1'790'000'000'123));
      return set_restarted_at(path, text, service.name, *service.restarted_at);
    case 3:
      service.suspend = {base::TimePoint(base::Millis(1'790'000'000'000)), "a \"b\": {c}, 'd' #e"};
      return set_suspend(path, text, service.name, *service.suspend);
    default: {
      Component& component = service.components.back();
      component.image = test::pick(2) == 0 ? "b:v2" : "[::1]:5000/b@sha256:" + std::string(32, 'a');
      return set_component_image(path, text, service.name, component.name, component.image);
    }
  }
}

void check_edit(const std::string& path, const std::string& text, Service service) {
  const auto edited = random_edit(path, text, service);
  if (!edited) RC_FAIL(edited.error().text() + "\n" + text);
  assert_means(path, *edited, service);
  const Difference difference = compare(text, *edited);
  if (difference.changed + difference.added > 1 || difference.added < 0)
    RC_FAIL("more than one line differs:\n" + text + "\n---\n" + *edited);
}

TEST(Property, WhatIsPrintedDecodesToTheSameService) {
  EXPECT_TRUE(rc::check([] {
    const Service service = test::any_service();
    assert_means("services/a.toml", to_toml(service), service);
  }));
}

TEST(Property, BothFormatsMeanTheSame) {
  EXPECT_TRUE(rc::check([] {
    const Service service = test::any_service();
    assert_means("services/a.yaml", test::any_yaml(to_toml(service)), service);
  }));
}

TEST(Property, EditsOfTomlChangeOneLine) {
  EXPECT_TRUE(rc::check([] {
    const Service service = test::any_service();
    check_edit("services/a.toml", test::with_noise(to_toml(service)), service);
  }));
}

TEST(Property, EditsOfYamlChangeOneLine) {
  EXPECT_TRUE(rc::check([] {
    const Service service = test::any_service();
    check_edit("services/a.yaml", test::any_yaml(to_toml(service)), service);
  }));
}

TEST(Property, CarriageReturnsAreKept) {
  EXPECT_TRUE(rc::check([] {
    const Service service = test::any_service();
    std::string text;
    for (const char c : test::with_noise(to_toml(service)))
      text += c == '\n' ? "\r\n" : std::string(1, c);
    check_edit("services/a.toml", text, service);
  }));
}

// Whatever the bytes: an answer, and no problem without a line where there is one.
TEST(Property, DamagedTextsAreDiagnosed) {
  EXPECT_TRUE(rc::check([] {
    const bool yaml = test::pick(2) == 1;
    std::string text = to_toml(test::any_service());
    if (yaml) text = test::any_yaml(text);
    for (int i = 1 + test::pick(3); i > 0; --i) {
      const size_t at = test::pick(static_cast<int>(text.size()));
      if (test::pick(2) == 0)
        text.erase(at, 1 + test::pick(9));
      else
        text.insert(at, 1, static_cast<char>(test::pick(256)));
      if (text.empty()) text = " ";
    }
    const std::string path = yaml ? "services/a.yaml" : "services/a.toml";
    const DecodedFile file = decode_file(path, text);
    RC_ASSERT(!file.services.empty() || !file.problems.empty());
    RC_ASSERT(file.problems.empty() || !file.broken_services.empty() || yaml);
    for (const Diagnostic& problem : file.problems) RC_ASSERT(problem.at.file == path);
  }));
}

}  // namespace
}  // namespace crds
