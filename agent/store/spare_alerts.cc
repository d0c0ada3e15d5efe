#include "agent/store/spare_alerts.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "agent/store/codec.h"
#include "base/core/text.h"
#include "base/log/log.h"

namespace agent {
namespace {

using base::Result;

constexpr size_t kRoom = 256 * 1024;  // some hundred alerts; what is beyond that is left out

Result<> put(const std::string& path, std::string_view text, off_t at, int flags = 0) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | flags, 0600);
  bool done = fd >= 0;
  while (done && !text.empty()) {
    const ssize_t written = ::pwrite(fd, text.data(), text.size(), at);
    done = written > 0;
    if (!done) break;
    text.remove_prefix(static_cast<size_t>(written));
    at += written;
  }
  done = done && ::fdatasync(fd) == 0;
  const int number = errno;
  if (fd >= 0) ::close(fd);
  if (done) return {};
  return base::make_error(
      number == ENOSPC || number == EDQUOT ? base::Code::kExhausted : base::Code::kDenied,
      "cannot write " + path + ": " + std::strerror(number));
}

// With zeros, not with a hole: to write over them takes no more space.
void take_room(const std::string& path) {
  struct stat found{};
  const size_t size = ::stat(path.c_str(), &found) == 0 ? static_cast<size_t>(found.st_size) : 0;
  if (size >= kRoom) return;
  const auto taken = put(path, std::string(kRoom - size, '\0'), static_cast<off_t>(size), O_CREAT);
  if (!taken)
    base::log::warning("no room is kept for what is told of alerts while the registry is full: " +
                       taken.error().text());
}

}  // namespace

SpareAlerts::SpareAlerts(AlertStore& registry, std::string path)
    : registry_(registry), path_(std::move(path)) {
  take_room(path_);
}

Result<std::vector<AlertRecord>> SpareAlerts::load_alerts() {
  auto spare = read();
  used_ = spare.has_value();
  if (spare) return std::move(*spare);
  return registry_.load_alerts();
}

Result<> SpareAlerts::save_alerts(const std::vector<AlertRecord>& all) {
  const auto saved = registry_.save_alerts(all);
  if (saved) {
    if (used_) used_ = !put(path_, "-", 0);
    spared_.reset();
    return {};
  }
  const auto spared = write(all);
  used_ |= spared.has_value();
  if (spared_ != spared.has_value())
    base::log::warning(
        "cannot save in the registry what was told of alerts" +
            (spared ? ", it is kept in " + path_
                    : ", nor beside it (" + spared.error().text() +
                          "): if the agent restarts now, the end of an alert may not be told"),
        {{"cause", saved.error().text()}});
  spared_ = spared.has_value();
  return saved;
}

// "<bytes> <sha256>", then a record a line; what follows is of before.
Result<> SpareAlerts::write(const std::vector<AlertRecord>& all) const {
  constexpr size_t kHead = 100;
  std::string text;
  for (const AlertRecord& record : all) {
    const std::string line = to_text(record) + "\n";
    if (kHead + text.size() + line.size() <= kRoom) text += line;
  }
  return put(path_, std::to_string(text.size()) + " " + base::sha256_hex(text) + "\n" + text, 0);
}

std::optional<std::vector<AlertRecord>> SpareAlerts::read() const {
  std::ifstream in(path_, std::ios::binary);
  size_t size = 0;
  std::string sum;
  if (!(in >> size >> sum) || size > kRoom || in.get() != '\n') return std::nullopt;
  std::string text(size, '\0');
  in.read(text.data(), static_cast<std::streamsize>(size));
  if (!in || base::sha256_hex(text) != sum) return std::nullopt;
  std::vector<AlertRecord> all;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    auto record = from_text<AlertRecord>(line, "an alert");
    if (!record) return std::nullopt;
    all.push_back(std::move(*record));
  }
  return all;
}

}  // namespace agent
