#include "test/support/mcias/mcias_server.h"

#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

namespace test {

std::string read_all(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

ListeningProgram::ListeningProgram(base::Command command, std::string folder) {
  std::remove((folder + "/port").c_str());
  auto child = base::Child::spawn(command, {.output_file = folder + "/log"});
  if (!child) throw std::runtime_error(child.error().text());
  child_ = std::make_unique<base::Child>(std::move(*child));
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  std::string port;
  while ((port = read_all(folder + "/port")).empty()) {
    if (child_->wait(base::Millis(20)) || std::chrono::steady_clock::now() > end)
      throw std::runtime_error(command.text() + " does not listen: " + read_all(folder + "/log"));
  }
  port_ = static_cast<uint16_t>(std::stoi(port));
}

void ListeningProgram::stop() {
  child_->terminate(base::Millis(2000));
}

MciasServer::MciasServer(const nlohmann::json& accounts) {
  std::ofstream(folder_ / "accounts.json") << accounts;
  start();
}

void MciasServer::start() {
  // The system's interpreter: another one may stand earlier in PATH, without the packages.
  program_ = std::make_unique<ListeningProgram>(
      base::Command{{"/usr/bin/python3", MCP_SOURCE_DIR "/test/support/mcias/mcias.py",
                     folder_.path(), std::to_string(port_)}},
      folder_.path());
  port_ = program_->port();
}

void MciasServer::stop() {
  program_->stop();
}

std::string MciasServer::token_of(const std::string& system_account) const {
  return read_all(folder_ / (system_account + ".token"));
}

std::vector<nlohmann::json> MciasServer::requests() const {
  std::vector<nlohmann::json> all;
  std::istringstream lines(read_all(folder_ / "requests.log"));
  for (std::string line; std::getline(lines, line);) all.push_back(nlohmann::json::parse(line));
  return all;
}

std::string MciasServer::code_of(const std::string& secret) {
  constexpr char kProgram[] =
      "import base64,hashlib,hmac,struct,sys,time\n"
      "d = hmac.new(base64.b32decode(sys.argv[1]), struct.pack('>Q', int(time.time()) // 30),"
      " hashlib.sha1).digest()\n"
      "a = d[-1] & 15\n"
      "print(f\"{(struct.unpack('>I', d[a:a+4])[0] & 0x7fffffff) % 1000000:06d}\", end='')\n";
  const auto done = base::run_command({{"/usr/bin/python3", "-c", kProgram, secret}}, "",
                                      std::chrono::seconds(30));
  if (!done || !done->ok()) throw std::runtime_error("cannot make a TOTP code");
  return done->out;
}

}  // namespace test
