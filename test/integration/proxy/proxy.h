#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/http/client.h"
#include "base/process/process.h"
#include "test/support/temp_dir.h"

namespace test {

int free_port();
int free_low_port();  // below 1024

struct Output {
  int code = 0;
  std::string out;
  std::string err;
};
Output run(std::vector<std::string> argv, const std::string& input = {});

// STEM.pem and STEM.key, made by `openssl`: self-signed unless there is a CA (a stem as well).
// `also`: another host that it is for.
void make_certificate(const std::string& stem, const std::string& host, int days = 90,
                      const std::string& ca = {}, const std::string& also = {});
bool have_ipv6();

// A program of this folder that serves, until the end of its object.
class Backend {
 public:
  explicit Backend(const std::string& name, std::vector<std::string> flags = {});
  Backend(std::vector<std::string> argv, int port);
  int port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  void wait() const;
  int port_;
  std::optional<base::Child> child_;
};

struct ProxyOptions {
  bool proxy_protocol = false;
  bool dev_ca = true;
  std::string more = {};              // text before the rest of the configuration
  std::string address = "127.0.0.1";  // and port of the listener; 0: a free one
  int port = 0;
  std::string resolver = {};  // text of a resolv.conf of its own; hosts are those of name_hosts()
  bool nobody = false;        // runs as that user, with the right to low ports and no other
  std::string disk = {};  // size of a file system of its own for the state, as mount(8) takes it
};

// The program with a folder of its own, and curl beside it. HAProxy ends with the object.
class Proxy {
 public:
  explicit Proxy(const ProxyOptions& options = {});
  ~Proxy();

  const TempDir& dir() const { return dir_; }
  int port() const { return port_; }
  std::string listener() const { return address_ + ":" + std::to_string(port_); }
  std::string ca() const { return dir_ / "ca/ca.pem"; }

  void configure(const ProxyOptions& options);  // before the next start()
  void start();
  void name_hosts(const std::string& hosts);  // text of /etc/hosts, as the program sees it
  void kill_daemon(int signal);
  std::vector<int> haproxy_pids() const;

  base::HttpResponse call(const std::string& method, const std::string& target,
                          const nlohmann::json& body = nullptr);
  int put(const std::string& host, nlohmann::json body, const std::string& owner = "test");
  int l7(const std::string& host, const Backend& backend);
  int l4(const std::string& host, const Backend& backend);
  nlohmann::json status();
  nlohmann::json route(const std::string& host);

  // curl of https://HOST:PORT/PATH, resolved to this machine, with the development CA.
  Output curl(const std::string& host, std::vector<std::string> flags = {},
              const std::string& path = "/");
  // openssl s_client's whole output.
  std::string handshake(const std::vector<std::string>& flags);

  void wait(const std::string& what, const std::function<bool()>& done);

 private:
  TempDir dir_;
  std::string address_;
  int port_;
  bool mounted_ = false;
  bool own_resolver_;
  bool nobody_;
  std::optional<base::Child> daemon_;
};

}  // namespace test
