#include <stdlib.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

#include "mc-proxy/certs/certificate.h"
#include "mc-proxy/certs/dev_ca.h"

// Certificates as somebody may put them into the folder: a good one with some of its bytes
// replaced, from the place on that the first two bytes say; with the first bit set, the bytes
// alone. Whatever they are, they are refused with a word, or are taken again as what was made of
// them.
namespace {

const base::TimePoint kNow = std::chrono::sys_days(std::chrono::year(2026) / 11 / 22);

std::string good() {
  char folder[] = "/tmp/mcp-fuzz-XXXXXX";
  if (::mkdtemp(folder) == nullptr) __builtin_trap();
  auto ca = mc_proxy::DevCa::open(folder, kNow);
  auto issued = ca ? ca->issue("web.test", kNow) : ca.error();
  std::filesystem::remove_all(folder);
  return issued ? *issued : (__builtin_trap(), "");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::string kGood = good();
  if (size < 2) return 0;
  const std::string bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  std::string pem = bytes;
  if (data[0] < 0x80) {
    pem = kGood;
    const size_t at = (data[0] * 256U + data[1]) % pem.size();
    pem.replace(at, bytes.size(), bytes);
  }
  const auto taken = mc_proxy::check_certificate(pem, "fuzz.pem", "web.test", kNow);
  if (!taken) return taken.error().message.empty() ? __builtin_trap(), 0 : 0;
  if (!taken->pem || taken->fingerprint.size() != 32 || taken->not_after <= kNow) __builtin_trap();
  const auto again = mc_proxy::check_certificate(*taken->pem, "fuzz.pem", "web.test", kNow);
  if (!again || again->fingerprint != taken->fingerprint || *again->pem != *taken->pem)
    __builtin_trap();
  return 0;
}
