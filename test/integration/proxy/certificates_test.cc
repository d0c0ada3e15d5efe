// Certificates that operators put there: what is refused, and what stays in force.
#include <gmock/gmock.h>
#include <signal.h>

#include <filesystem>
#include <fstream>

#include "test/integration/proxy/proxy.h"

namespace test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using Json = nlohmann::json;

TEST(ProxyCertificates, ABadCertificateCostsItsOwnRouteAlone) {
  Proxy proxy({.dev_ca = false});
  Backend one("one");
  const std::string certs = proxy.dir() / "certs/";
  make_certificate(certs + "ca", "root");
  make_certificate(certs + "good", "good.test");
  make_certificate(certs + "alone", "alone.test", 90, certs + "ca");
  make_certificate(certs + "other", "other.test");
  make_certificate(certs + "soon", "soon.test", 5);
  make_certificate(certs + "mixed", "mixed.test", 90, certs + "ca");
  std::ofstream(certs + "mixed.pem", std::ios::app) << std::ifstream(certs + "other.pem").rdbuf();
  std::filesystem::copy(certs + "other.pem", certs + "keyless.pem");
  std::filesystem::create_directory(certs + "folder.pem");
  std::filesystem::copy(certs + "good.key", certs + "misfit.key");
  std::filesystem::copy(certs + "other.pem", certs + "misfit.pem");
  const auto body = [&](const std::string& file) {
    return Json{{"owner", "t"}, {"mode", "l7"}, {"backend", one.address()}, {"tlsCert", file}};
  };
  const auto put = [&](const std::string& host, const std::string& file) {
    return proxy.call("PUT", "/v1/routes/" + proxy.listener() + "/" + host, body(file));
  };
  ASSERT_EQ(put("good.test", "good.pem").status, 204);
  ASSERT_EQ(put("soon.test", "soon.pem").status, 204);
  const struct {
    const char* host;
    const char* file;
    const char* why;
  } kBad[] = {
      {"x.test", "missing.pem", "No such file"},    {"other.test", "misfit.pem", "does not fit"},
      {"alone.test", "alone.pem", "no chain"},      {"x.test", "good.key", "holds no certificate"},
      {"x.test", "good.pem", "not for x.test"},     {"x.test", "", "tlsCert is empty"},
      {"x.test", "folder.pem", "Is a directory"},   {"mixed.test", "mixed.pem", "no chain"},
      {"other.test", "keyless.pem", "keyless.key)"}};
  for (const auto& bad : kBad) {
    const auto answer = put(bad.host, bad.file);
    EXPECT_EQ(answer.status, 400) << bad.why;
    EXPECT_THAT(answer.body, AllOf(HasSubstr(bad.why), HasSubstr(bad.file))) << answer.body;
    EXPECT_EQ(answer.headers.at("content-type"), "application/problem+json");
  }
  EXPECT_THAT(proxy.curl("good.test", {"--cacert", certs + "good.pem"}).out,
              HasSubstr("name: one"));
  EXPECT_THAT(std::string(proxy.route("soon.test")["problem"]), HasSubstr("expires in"));

  // The file goes bad in use, then the process is started again: the former one stays in force.
  const std::string before = proxy.handshake({"-servername", "good.test"});
  std::ofstream(certs + "good.pem") << "nonsense\n";
  proxy.wait("the bad file is seen",
             [&] { return !std::string(proxy.route("good.test")["problem"]).empty(); });
  proxy.kill_daemon(SIGTERM);
  proxy.start();
  EXPECT_THAT(std::string(proxy.route("good.test")["problem"]), HasSubstr("good.pem"));
  EXPECT_THAT(proxy.handshake({"-servername", "good.test"}), HasSubstr("CN=good.test"));

  // A better one is taken while a connection stays open.
  make_certificate(certs + "good", "good.test");
  proxy.wait("the new certificate is shown",
             [&] { return proxy.curl("good.test", {"--cacert", certs + "good.pem"}).code == 0; });
  EXPECT_EQ(proxy.route("good.test")["problem"], "");
}

// The same key and names, until yesterday. Newer versions of openssl x509 make no such certificate.
constexpr char kYesterday[] = R"(
import datetime, sys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
key = serialization.load_pem_private_key(open(sys.argv[1], 'rb').read(), None)
old = x509.load_pem_x509_certificate(open(sys.argv[2], 'rb').read())
day = datetime.timedelta(days=1)
now = datetime.datetime.now(datetime.timezone.utc)
new = x509.CertificateBuilder()
new = new.issuer_name(old.issuer).subject_name(old.subject).public_key(key.public_key())
new = new.serial_number(1).not_valid_before(now - 2 * day).not_valid_after(now - day)
for extension in old.extensions:
    new = new.add_extension(extension.value, extension.critical)
print(new.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode())
)";

TEST(ProxyCertificates, AnExpiredCertificateIsRefusedAndAnEndIsAnnounced) {
  Proxy proxy({.dev_ca = false});
  const Backend one("one");
  const std::string certs = proxy.dir() / "certs/";
  make_certificate(certs + "web", "web.test", 5);
  const Output old = run({"python3", "-c", kYesterday, certs + "web.key", certs + "web.pem"});
  ASSERT_THAT(old.out, HasSubstr("BEGIN CERTIFICATE")) << old.err;
  std::ofstream(certs + "old.pem") << old.out;
  std::filesystem::copy(certs + "web.key", certs + "old.key");

  const auto put = [&](const std::string& file) {
    const Json body{
        {"owner", "test"}, {"mode", "l7"}, {"backend", one.address()}, {"tlsCert", file}};
    return proxy.call("PUT", "/v1/routes/" + proxy.listener() + "/web.test", body);
  };
  const auto refused = put("old.pem");
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(refused.body, AllOf(HasSubstr("old.pem: expired at"), HasSubstr("renew it")));
  ASSERT_EQ(put("web.pem").status, 204);
  EXPECT_THAT(std::string(proxy.route("web.test")["problem"]), HasSubstr("expires in 4d"));
  EXPECT_THAT(proxy.call("GET", "/metrics").body,
              HasSubstr("mcproxy_route_certificate_not_after_timestamp_seconds{listener=\""));

  // A file that expires in use: the one that is in force stays.
  std::filesystem::rename(certs + "old.pem", certs + "web.pem");
  proxy.wait("the expired file is seen", [&] {
    return std::string(proxy.route("web.test")["problem"]).find("expired at") != std::string::npos;
  });
  EXPECT_EQ(proxy.route("web.test")["served"], true);
  EXPECT_THAT(proxy.handshake({"-servername", "web.test"}), HasSubstr("CN=web.test"));
}

TEST(ProxyCertificates, AnEndIsAnnouncedFourteenDaysBefore) {
  Proxy proxy({.dev_ca = false});
  const Backend one("one");
  const std::string certs = proxy.dir() / "certs/";
  for (const int days : {13, 15}) {
    const std::string name = "in" + std::to_string(days);
    make_certificate(certs + name, name + ".test", days);
    ASSERT_EQ(proxy.put(name + ".test",
                        {{"mode", "l7"}, {"backend", one.address()}, {"tlsCert", name + ".pem"}}),
              204);
  }
  const Json listener = proxy.status()["listeners"][0];
  const std::string metrics = proxy.call("GET", "/metrics").body;
  ASSERT_EQ(listener["routes"].size(), 2U);
  for (const Json& route : listener["routes"]) {
    const std::string host = route["hostname"];
    EXPECT_EQ(route["served"], true) << host;
    const std::string problem = route["problem"];
    EXPECT_EQ(problem.find("expires in 12d") != std::string::npos, host == "in13.test") << problem;
    EXPECT_EQ(problem.empty(), host == "in15.test") << problem;
    const Output end = run({"sh", "-c",
                            "end=$(openssl x509 -noout -enddate -in \"$0\" | cut -d= -f2) && "
                            "date -u -d \"$end\" '+%s %Y-%m-%dT%H:%M:%SZ' | tr -d '\\n'",
                            certs + host.substr(0, 4) + ".pem"});
    ASSERT_EQ(end.code, 0) << end.err;
    const size_t space = end.out.find(' ');
    EXPECT_EQ(route["certificateNotAfter"], end.out.substr(space + 1));
    EXPECT_THAT(metrics, HasSubstr("mcproxy_route_certificate_not_after_timestamp_seconds{"
                                   "listener=\"" +
                                   proxy.listener() + "\",hostname=\"" + host +
                                   "\",owner=\"test\"} " + end.out.substr(0, space) + "\n"));
  }
}

TEST(ProxyCertificates, ACertificateThatGoesBadInUseIsServedOn) {
  Proxy proxy({.dev_ca = false});
  const Backend one("one");
  const std::string web = proxy.dir() / "certs/web";
  const std::string former = proxy.dir() / "former";
  make_certificate(web, "web.test");
  for (const std::string ending : {".pem", ".key"})
    std::filesystem::copy(web + ending, former + ending);
  make_certificate(proxy.dir() / "other", "web.test");
  ASSERT_EQ(
      proxy.put("web.test", {{"mode", "l7"}, {"backend", one.address()}, {"tlsCert", "web.pem"}}),
      204);
  const auto move_in = [&](const std::string& from, const std::string& to) {
    std::filesystem::copy(from, to + ".new");
    std::filesystem::rename(to + ".new", to);
  };
  const auto goes_on_but_says = [&](const std::string& file, const std::string& why) {
    for (const bool restarted : {false, true}) {
      if (restarted) {
        proxy.kill_daemon(SIGKILL);
        for (const int pid : proxy.haproxy_pids()) ::kill(pid, SIGKILL);
        proxy.start();
      }
      std::string problem;
      proxy.wait(why, [&] {
        problem = proxy.route("web.test")["problem"];
        return problem.find(why) != std::string::npos;
      });
      EXPECT_THAT(problem, HasSubstr(file));
      EXPECT_EQ(proxy.route("web.test")["served"], true);
      EXPECT_THAT(proxy.curl("web.test", {"--cacert", former + ".pem"}).out,
                  HasSubstr("name: one"));
    }
  };
  const auto is_mended = [&] {
    for (const std::string ending : {".key", ".pem"}) move_in(former + ending, web + ending);
    proxy.wait("the problem is gone", [&] { return proxy.route("web.test")["problem"] == ""; });
  };
  std::filesystem::remove(web + ".pem");
  goes_on_but_says("web.pem", "No such file");
  is_mended();
  move_in(proxy.dir() / "other.key", web + ".key");
  goes_on_but_says("web.key", "does not fit the certificate");
  is_mended();
  std::filesystem::remove(web + ".key");
  goes_on_but_says("web.key", "holds no private key");
  is_mended();
  EXPECT_EQ(proxy.curl("web.test", {"--cacert", former + ".pem"}).code, 0);
}

// OpenSSL reads it, and HAProxy refuses its whole configuration for it.
void make_weak_certificate(const std::string& stem, const std::string& host) {
  const Output made = run({"openssl", "req", "-x509", "-newkey", "rsa:1024", "-nodes", "-keyout",
                           stem + ".key", "-out", stem + ".pem", "-subj", "/CN=" + host, "-addext",
                           "subjectAltName=DNS:" + host, "-days", "90"});
  ASSERT_EQ(made.code, 0) << made.err;
}

TEST(ProxyCertificates, ACertificateThatIsTooWeakCostsItsOwnRouteAlone) {
  Proxy proxy({.dev_ca = false});
  const Backend one("one");
  const std::string certs = proxy.dir() / "certs/";
  make_certificate(certs + "good", "good.test");
  make_certificate(certs + "web", "web.test");
  make_weak_certificate(certs + "weak", "web.test");
  const auto put = [&](const std::string& host, const std::string& file) {
    const Json body{{"owner", host}, {"mode", "l7"}, {"backend", one.address()}, {"tlsCert", file}};
    return proxy.call("PUT", "/v1/routes/" + proxy.listener() + "/" + host, body);
  };
  const auto refused = put("web.test", "weak.pem");
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(refused.body, AllOf(HasSubstr("weak.pem: "), HasSubstr("key too small")));
  // One of a chain that SHA-1 holds together.
  make_certificate(certs + "ca", "root");
  const Output made =
      run({"openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-sha1", "-keyout",
           certs + "old.key", "-out", certs + "old.pem", "-subj", "/CN=web.test", "-addext",
           "subjectAltName=DNS:web.test", "-CA", certs + "ca.pem", "-CAkey", certs + "ca.key"});
  ASSERT_EQ(made.code, 0) << made.err;
  std::ofstream(certs + "old.pem", std::ios::app) << std::ifstream(certs + "ca.pem").rdbuf();
  EXPECT_THAT(put("web.test", "old.pem").body, HasSubstr("old.pem: "));
  ASSERT_EQ(put("web.test", "web.pem").status, 204);
  ASSERT_EQ(put("good.test", "good.pem").status, 204);

  const auto all_is_well_but_for_the_file = [&] {
    EXPECT_THAT(std::string(proxy.route("web.test")["problem"]),
                AllOf(HasSubstr("web.pem: "), HasSubstr("key too small")));
    EXPECT_EQ(proxy.status()["haproxy"]["problem"], "");
    EXPECT_THAT(proxy.handshake({"-servername", "web.test"}), HasSubstr("id-ecPublicKey"));
    EXPECT_EQ(put("good.test", "good.pem").status, 204);
    EXPECT_THAT(proxy.curl("good.test", {"--cacert", certs + "good.pem"}).out,
                HasSubstr("name: one"));
  };
  make_weak_certificate(certs + "web", "web.test");
  proxy.wait("the weak file is seen",
             [&] { return !std::string(proxy.route("web.test")["problem"]).empty(); });
  all_is_well_but_for_the_file();
  proxy.kill_daemon(SIGKILL);
  proxy.start();
  all_is_well_but_for_the_file();
  proxy.kill_daemon(SIGKILL);
  for (const int pid : proxy.haproxy_pids()) ::kill(pid, SIGKILL);
  proxy.start();
  all_is_well_but_for_the_file();
}

// Its build may be stricter than ours.
TEST(ProxyCertificates, ACertificateThatOnlyHaproxyRefusesCostsItsOwnRouteAlone) {
  const TempDir dir;
  std::ofstream(dir / "haproxy") << R"(#!/bin/sh
# With a file "accepted", only the certificates of web.test that it names are.
for config; do :; done
[ ! -e )" + dir / "accepted" + R"( ] ||
  for file in $(sed -n 's/ web.test$//p' -- "${config%/*}"/*.crt); do
    grep -q "$file" )" + dir / "accepted" +
                                        R"( ||
      { echo "[ALERT] (1) : unable to load SSL certificate '$file'." >&2; exit 1; }
  done
exec haproxy "$@"
)";
  std::filesystem::permissions(dir / "haproxy", std::filesystem::perms::owner_all);
  Proxy proxy({.dev_ca = false, .more = "[haproxy]\nbinary = \"" + dir / "haproxy" + "\"\n"});
  const Backend one("one");
  const std::string certs = proxy.dir() / "certs/";
  for (const std::string name : {"good", "web"}) {
    make_certificate(certs + name, name + ".test");
    ASSERT_EQ(proxy.put(name + ".test",
                        {{"mode", "l7"}, {"backend", one.address()}, {"tlsCert", name + ".pem"}}),
              204);
  }
  const auto curl = [&](const std::string& name, const std::string& root) {
    return proxy.curl(name + ".test", {"--cacert", root}).out;
  };
  const auto both_start_again = [&] {
    proxy.kill_daemon(SIGKILL);
    for (const int pid : proxy.haproxy_pids()) ::kill(pid, SIGKILL);
    proxy.start();
  };
  // The former certificate is in force.
  for (const auto& file : std::filesystem::directory_iterator(proxy.dir() / "state/haproxy/certs"))
    std::ofstream(dir / "accepted", std::ios::app) << file.path().string() << "\n";
  std::filesystem::copy(certs + "web.pem", dir / "former.pem");
  make_certificate(certs + "web", "web.test");
  both_start_again();
  EXPECT_THAT(curl("good", certs + "good.pem"), HasSubstr("name: one"));
  EXPECT_THAT(curl("web", dir / "former.pem"), HasSubstr("name: one"));
  EXPECT_THAT(std::string(proxy.route("web.test")["problem"]),
              AllOf(HasSubstr("web.pem: "), HasSubstr("HAProxy refuses")));
  EXPECT_EQ(proxy.status()["haproxy"]["problem"], "");

  // There is none that would do.
  std::ofstream(dir / "accepted", std::ios::trunc).close();
  both_start_again();
  EXPECT_THAT(curl("good", certs + "good.pem"), HasSubstr("name: one"));
  EXPECT_EQ(proxy.route("web.test")["served"], false);
  EXPECT_THAT(std::string(proxy.route("web.test")["problem"]), HasSubstr("HAProxy refuses"));

  // Another file is tried.
  std::filesystem::remove(dir / "accepted");
  make_certificate(certs + "web", "web.test");
  proxy.wait("the new certificate is shown",
             [&] { return curl("web", certs + "web.pem").find("name: one") != std::string::npos; });
  EXPECT_EQ(proxy.route("web.test")["problem"], "");
}

}  // namespace
}  // namespace test
