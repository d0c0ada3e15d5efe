#pragma once

#include <memory>
#include <string>

#include "base/core/result.h"
#include "base/core/time.h"

namespace mc_proxy {

// A certificate authority of this machine alone, for quickstarts and tests. Its key lies in a
// folder, mode 0600: whoever trusts the CA trusts everybody who can read it.
class DevCa {
 public:
  // Makes the folder, ca.pem and ca.key when they are missing.
  static base::Result<DevCa> open(const std::string& folder, base::TimePoint now);
  ~DevCa();
  DevCa(DevCa&&) noexcept;
  DevCa& operator=(DevCa&&) noexcept;

  const std::string& certificate_file() const;
  // A new certificate and key for 90 days, with the CA's own as chain.
  base::Result<std::string> issue(const std::string& hostname, base::TimePoint now) const;

 private:
  struct Impl;
  explicit DevCa(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace mc_proxy
