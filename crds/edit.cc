#include "crds/edit.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/core/text.h"
#include "base/core/time.h"
#include "crds/decode.h"
#include "crds/quote.h"
#include "crds/splice.h"
#include "crds/suggest.h"

namespace crds {
namespace {

bool is_yaml(std::string_view path) {
  return !path.ends_with(".toml");
}

const Value& part(const Value& root, std::string_view key) {
  static const Value kEmpty;
  const Value* found = root.find(key);
  return found == nullptr ? kEmpty : *found;
}

// What the two kinds that can be edited are called, and where a decoded file has them.
template <class Kind>
struct About;
template <>
struct About<Service> {
  static constexpr const char* kKind = "Service";
  static constexpr const char* kWord = "service";
  static auto& in(DecodedFile& file) { return file.services; }
};
template <>
struct About<Node> {
  static constexpr const char* kKind = "Node";
  static constexpr const char* kWord = "node";
  static auto& in(DecodedFile& file) { return file.nodes; }
};

template <class Kind>
using NameOf = decltype(Kind::name);

template <class Kind>
bool is_document_of(const Value& root, bool yaml, const NameOf<Kind>& name) {
  if (!yaml) return part(root, "name").text == name.str();
  return part(root, "kind").text == About<Kind>::kKind &&
         part(part(root, "metadata"), "name").text == name.str();
}

template <class Kind>
base::Error not_defined(std::string_view path, const NameOf<Kind>& name) {
  return base::not_found(std::string(path) + " does not define the " + About<Kind>::kWord + " '" +
                         name.str() + "'");
}

bool same_definitions(const DecodedFile& a, const DecodedFile& b) {
  const auto same = [](const auto& x, const auto& y) { return x.value == y.value; };
  return std::equal(a.services.begin(), a.services.end(), b.services.begin(), b.services.end(),
                    same) &&
         std::equal(a.nodes.begin(), a.nodes.end(), b.nodes.begin(), b.nodes.end(), same);
}

// The lines before a document's content that are comments, and blank ones between them.
std::string leading_comments(std::string_view text) {
  std::string kept;
  std::string blank;
  while (!text.empty()) {
    const size_t newline = text.find('\n');
    if (newline == text.npos) break;  // the line that the content starts in
    const std::string_view line = text.substr(0, newline + 1);
    text.remove_prefix(newline + 1);
    const size_t first = line.find_first_not_of(" \t\r\n");
    if (first == line.npos) {
      blank += line;
    } else if (line[first] == '#') {
      kept += std::exchange(blank, {});
      kept += line;
    }
  }
  return kept;
}

// One edit of one definition's text: the change as text, and as what it should then mean.
template <class Kind>
class Edit {
 public:
  Edit(std::string_view path, std::string_view text, const NameOf<Kind>& name)
      : path_(path), text_(text), name_(name), yaml_(is_yaml(path)) {}

  base::Result<> load() {
    before_ = decode_file(path_, text_);
    auto& all = About<Kind>::in(before_);
    const auto is_ours = [&](const auto& one) { return one.value.name == name_; };
    const auto found = std::find_if(all.begin(), all.end(), is_ours);
    if (found == all.end()) return not_editable();
    if (std::count_if(all.begin(), all.end(), is_ours) > 1)
      return base::invalid(std::string(path_) + " defines the " + About<Kind>::kWord + " '" +
                               name_.str() + "' twice",
                           "rename one of them");
    wanted_ = found->value;
    parsed_ = parse_file(path_, text_);
    for (const Value& document : parsed_.documents)
      if (is_document_of<Kind>(document, yaml_, name_)) document_ = &document;
    // A node need not say more than its name.
    if (yaml_ && document_->find("spec") == nullptr)
      return base::invalid(std::string(path_) + ": '" + name_.str() + "' has no spec to edit",
                           "write `spec:` with the field by hand");
    return {};
  }

  Kind& wanted() { return wanted_; }
  const Value& document() const { return *document_; }
  const Value& spec() const { return yaml_ ? *document_->find("spec") : *document_; }

  base::Result<std::string> set(const std::string& what, FieldEdit edit) {
    if (is_so_already()) return std::string(text_);
    if (yaml_) {
      for (const Member& member : document_->members)
        if (member.key == "spec") edit.header = &member.key_at;
    }
    return checked(what, splice(text_, yaml_, edit));
  }

  base::Result<std::string> remove(const std::string& key) {
    if (is_so_already()) return std::string(text_);
    return checked(key, cut(text_, spec(), key));
  }

  bool yaml() const { return yaml_; }

 private:
  auto& old() {
    auto& all = About<Kind>::in(before_);
    return std::find_if(all.begin(), all.end(),
                        [&](const auto& one) { return one.value.name == name_; })
        ->value;
  }

  bool is_so_already() { return old() == wanted_; }

  base::Result<std::string> checked(const std::string& what, std::string edited) {
    old() = wanted_;
    MCP_CHECK(verify(what, edited));
    return edited;
  }

  base::Error not_editable() const {
    if (before_.problems.empty()) return not_defined<Kind>(path_, name_);
    return base::invalid("cannot edit the " + std::string(About<Kind>::kWord) + " '" + name_.str() +
                             "', its file has problems: " + before_.problems.front().text(),
                         "correct the file first");
  }

  base::Result<> verify(const std::string& what, const std::string& edited) const {
    const DecodedFile after = decode_file(path_, edited);
    const std::string context = "cannot set " + what + " of " + name_.str();
    if (after.problems.size() > before_.problems.size())
      return base::invalid(context + ": " + after.problems.front().text());
    if (same_definitions(before_, after) && after.broken_services == before_.broken_services)
      return {};
    return base::invalid(context + ": the way in which " + std::string(path_) +
                             " is written does not allow to change this value alone",
                         "edit the file by hand");
  }

  std::string_view path_;
  std::string_view text_;
  const NameOf<Kind>& name_;
  bool yaml_;
  DecodedFile before_;
  Kind wanted_;
  ParsedFile parsed_;
  const Value* document_ = nullptr;
};

const std::vector<std::string> kAfterAgent = {"agent", "address", "name"};
const std::vector<std::string> kAfterName = {"node", "name"};
const std::vector<std::string> kAfterActive = {"active", "node", "name"};
const std::vector<std::string> kAfterVersion = {"version", "active", "node", "name"};

template <class Kind>
base::Result<std::string> remove_document(std::string_view path, std::string_view text,
                                          const NameOf<Kind>& name) {
  const bool yaml = is_yaml(path);
  DecodedFile before = decode_file(path, text);
  const ParsedFile parsed = parse_file(path, text);
  const std::string context = "cannot take the " + std::string(About<Kind>::kWord) + " '" +
                              name.str() + "' out of its file: ";
  if (!parsed.problems.empty())
    return base::invalid(context + parsed.problems.front().text(), "correct the file first");
  std::vector<const Value*> found;
  for (const Value& document : parsed.documents)
    if (is_document_of<Kind>(document, yaml, name)) found.push_back(&document);
  if (found.empty()) return not_defined<Kind>(path, name);
  if (found.size() > 1) return base::invalid(context + "it is defined twice", "remove one by hand");
  if (parsed.documents.size() == 1) return std::string();

  const size_t begin = found.front()->at.begin;
  const Extent extent = document_extent(text, begin);
  std::string edited(text.substr(0, extent.begin));
  // What stands at the head of a file mostly speaks of the whole file.
  if (found.front() == &parsed.documents.front())
    edited += leading_comments(text.substr(extent.begin, begin - extent.begin));
  edited += text.substr(extent.end);
  const DecodedFile after = decode_file(path, edited);
  std::erase_if(About<Kind>::in(before), [&](const auto& one) { return one.value.name == name; });
  if (!same_definitions(before, after) ||
      parse_file(path, edited).documents.size() + 1 != parsed.documents.size())
    return base::invalid(context + "its documents cannot be told apart", "remove it by hand");
  return edited;
}

}  // namespace

base::Result<std::string> set_active(std::string_view path, std::string_view text,
                                     const ServiceName& service, bool active) {
  Edit<Service> edit(path, text, service);
  MCP_CHECK(edit.load());
  edit.wanted().active = active;
  const Literal literal{Literal::Kind::kBool, active ? "true" : "false"};
  return edit.set("active", {edit.spec(), "active", literal, kAfterName});
}

base::Result<std::string> set_version(std::string_view path, std::string_view text,
                                      const ServiceName& service, std::string_view version) {
  Edit<Service> edit(path, text, service);
  MCP_CHECK(edit.load());
  edit.wanted().version = version;
  const Literal literal{Literal::Kind::kString, std::string(version)};
  return edit.set("version", {edit.spec(), "version", literal, kAfterActive});
}

base::Result<std::string> set_restarted_at(std::string_view path, std::string_view text,
                                           const ServiceName& service, base::TimePoint at) {
  Edit<Service> edit(path, text, service);
  MCP_CHECK(edit.load());
  edit.wanted().restarted_at = at;
  const Literal literal{Literal::Kind::kTime, base::to_rfc3339(at)};
  return edit.set("restarted_at", {edit.spec(), "restarted_at", literal, kAfterVersion});
}

base::Result<std::string> set_suspend(std::string_view path, std::string_view text,
                                      const ServiceName& service, const Suspend& suspend) {
  Edit<Service> edit(path, text, service);
  MCP_CHECK(edit.load());
  edit.wanted().suspend = suspend;
  const bool yaml = edit.yaml();
  const std::string is = yaml ? ": " : " = ";
  std::vector<std::string> parts;
  if (suspend.until) {
    const std::string until = base::to_rfc3339(*suspend.until);
    parts.push_back("until" + is + (yaml ? in_quotes(until) : until));
  }
  if (!suspend.reason.empty()) parts.push_back("reason" + is + in_quotes(suspend.reason));
  const std::string inner = base::join(parts, ", ");
  const std::string table = yaml || parts.empty() ? "{" + inner + "}" : "{ " + inner + " }";
  return edit.set("suspend",
                  {edit.spec(), "suspend", {Literal::Kind::kTable, table}, kAfterActive});
}

base::Result<std::string> clear_suspend(std::string_view path, std::string_view text,
                                        const ServiceName& service) {
  Edit<Service> edit(path, text, service);
  MCP_CHECK(edit.load());
  edit.wanted().suspend.reset();
  return edit.remove("suspend");
}

base::Result<std::string> set_component_image(std::string_view path, std::string_view text,
                                              const ServiceName& service,
                                              const ComponentName& component,
                                              std::string_view image) {
  Edit<Service> edit(path, text, service);
  MCP_CHECK(edit.load());
  std::vector<std::string> names;
  for (size_t i = 0; i < edit.wanted().components.size(); ++i) {
    Component& candidate = edit.wanted().components[i];
    names.push_back(candidate.name.str());
    if (candidate.name != component) continue;
    candidate.image = image;
    const Value& table = edit.spec().find("components")->items[i];
    const Literal literal{Literal::Kind::kString, std::string(image)};
    return edit.set("the image of " + component.str(), {table, "image", literal, {"name"}});
  }
  return base::not_found(
      "the service '" + service.str() + "' has no component '" + component.str() + "'",
      suggest(component.str(), names, "components"));
}

base::Result<std::string> remove_service(std::string_view path, std::string_view text,
                                         const ServiceName& service) {
  const DecodedFile before = decode_file(path, text);
  const auto& broken = before.broken_services;
  // A TOML file is one service, so it can go even when it cannot be read.
  if (!is_yaml(path) && std::find(broken.begin(), broken.end(), service) != broken.end())
    return std::string();
  return remove_document<Service>(path, text, service);
}

base::Result<std::string> set_schedulable(std::string_view path, std::string_view text,
                                          const NodeName& node, bool schedulable) {
  Edit<Node> edit(path, text, node);
  MCP_CHECK(edit.load());
  edit.wanted().schedulable = schedulable;
  const Literal literal{Literal::Kind::kBool, schedulable ? "true" : "false"};
  return edit.set("schedulable", {edit.spec(), "schedulable", literal, kAfterAgent});
}

base::Result<std::string> remove_node(std::string_view path, std::string_view text,
                                      const NodeName& node) {
  return remove_document<Node>(path, text, node);
}

}  // namespace crds
