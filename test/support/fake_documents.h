#pragma once

#include <map>
#include <string>

#include "agent/view/documents.h"

namespace test {

// What podman would say; set before the first call that asks for it.
class FakeDocuments : public agent::RuntimeDocuments {
 public:
  base::Result<std::string> containers_document() override { return list; }
  base::Result<std::string> container_document(const std::string& id) override {
    return look(containers, id);
  }
  base::Result<std::string> image_document(const std::string& id) override {
    return look(images, id);
  }
  std::string list = "[]";
  std::map<std::string, std::string> containers, images;  // by id

 private:
  static base::Result<std::string> look(const std::map<std::string, std::string>& in,
                                        const std::string& id) {
    const auto found = in.find(id);
    if (found == in.end()) return base::not_found("no such object: " + id);
    return found->second;
  }
};

}  // namespace test
