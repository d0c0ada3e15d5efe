#include <unistd.h>

#include "agent/receivers/make.h"
#include "base/core/hmac.h"
#include "base/core/text.h"
#include "base/process/process.h"

namespace agent {
namespace {

constexpr base::Millis kDeadline = std::chrono::seconds(30);
constexpr size_t kLineOfBase64 = 76;  // RFC 2045 section 6.8
constexpr size_t kBytesOfWord = 42;   // an encoded word has at most 75 characters (RFC 2047)
constexpr size_t kLongestSubject = 250;

bool continues(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

// RFC 2047: any text as a header's value, on lines of its own. A line break in it is none.
std::string header_text(std::string text) {
  bool plain = text.size() <= kLineOfBase64 - 10;
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
    plain &= static_cast<unsigned char>(c) < 0x80;
  }
  if (plain && text.find("=?") == std::string::npos) return text;
  std::string out;
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(at + kBytesOfWord, text.size());
    while (end < text.size() && continues(text[end])) --end;
    out += (out.empty() ? "" : "\r\n ") + std::string("=?UTF-8?B?") +
           base::to_base64(std::string_view(text).substr(at, end - at)) + "?=";
    at = end;
  }
  return out;
}

class Email : public CheckedReceiver {
 public:
  explicit Email(ReceiverOptions options) : options_(std::move(options)) {}

  base::Result<> deliver(const Message& message) override {
    // -t: the recipients are in the header; -i: a line with a dot alone does not end it.
    const auto done = base::run_command({.argv = {options_.sendmail, "-t", "-i"}},
                                        email_document(message, options_), kDeadline);
    if (!done) return done.error();
    if (!done->ok())
      return base::unavailable(options_.sendmail + " ended with " +
                               std::to_string(done->exit_code) + ": " + done->err.substr(0, 200));
    return {};
  }

  base::Result<std::string> check() override {
    if (::access(options_.sendmail.c_str(), X_OK) != 0)
      return base::not_found("cannot run " + options_.sendmail,
                             "install a mail transfer agent (msmtp-mta, nullmailer, postfix), or "
                             "name its sendmail in sendmail");
    return "email to " + base::join(options_.to, ", ") + " by " + options_.sendmail;
  }

 private:
  const ReceiverOptions options_;
};

}  // namespace

// RFC 5322, RFC 2045.
std::string email_document(const Message& message, const ReceiverOptions& options) {
  std::string out;
  const auto header = [&](const std::string& field, const std::string& value) {
    out += field + ": " + value + "\r\n";
  };
  if (!options.from.empty()) header("From", options.from);
  header("To", base::join(options.to, ", "));
  const std::string subject = "[mcp " + message.node.str() + "] " + headline(message);
  header("Subject", header_text(base::utf8_prefix(subject, kLongestSubject)));
  header("Message-ID", "<" + message.id + "@" + message.node.str() + ".mcp.invalid>");
  // No vacation notes (RFC 3834 section 5).
  header("Auto-Submitted", "auto-generated");
  if (worst(message.alerts) == Severity::kCritical) header("Importance", "high");
  header("MIME-Version", "1.0");
  header("Content-Type", "text/plain; charset=utf-8");
  header("Content-Transfer-Encoding", "base64");
  out += "\r\n";
  const std::string body = base::to_base64(body_text(message));
  for (size_t at = 0; at < body.size(); at += kLineOfBase64)
    out += body.substr(at, kLineOfBase64) + "\r\n";
  return out;
}

std::unique_ptr<CheckedReceiver> make_email(const ReceiverOptions& options) {
  return std::make_unique<Email>(options);
}

}  // namespace agent
