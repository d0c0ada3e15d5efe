#include "agent/source/verify.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <optional>

#include "agent/source/git_source.h"
#include "test/support/git/git_repo.h"
#include "test/support/temp_dir.h"

namespace agent {
namespace {

using base::Code;
using base::git::Oid;
using test::GitRepo;
using testing::AllOf;
using testing::HasSubstr;

// Commits signed by real keys with the system's git, ssh-keygen and gpg.
class Verify : public testing::Test {
 protected:
  Verify() {
    for (const char* name : {"alice", "mallory"})
      test::run({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key(name)});
    config.mode = VerifyConfig::Mode::kSsh;
    config.allowed_signers = dir / "signers";
    allow("alice@example.net namespaces=\"git\" " + public_key("alice"));
  }

  std::string key(const std::string& name) { return dir / name; }
  std::string public_key(const std::string& name) { return test::read_file(key(name) + ".pub"); }
  void allow(const std::string& line) { test::write_file(dir / "signers", line); }

  // A commit by `name`'s ssh key; empty: unsigned.
  std::string commit(const std::string& name, const std::string& text = "hello") {
    origin.write("services/web.toml", text);
    origin.git({"add", "-A"});
    std::vector<std::string> words;
    if (!name.empty()) words = {"-c", "gpg.format=ssh", "-c", "user.signingkey=" + key(name)};
    words.insert(words.end(), {"commit", "-q", "--allow-empty", "-m", "say " + text});
    if (!name.empty()) words.emplace_back("-S");
    origin.git(words);
    return origin.head();
  }

  // The commit object with `sed` run over it, as the new head.
  std::string altered(const std::string& sed) {
    const std::string oid =
        test::run({"sh", "-c",
                   "cd '" + origin.path().string() + "' && git cat-file commit HEAD | sed '" + sed +
                       "' | git hash-object -t commit -w --stdin"});
    origin.git({"reset", "-q", "--soft", oid});
    return oid;
  }

  base::Result<std::string> verify(const std::string& oid) {
    auto repository = base::git::Repository::open(origin.path());
    if (!repository) return repository.error();
    return verify_commit(*repository, Oid(oid), config);
  }

  void expect_refused(const std::string& oid, const std::string& why) {
    const auto signer = verify(oid);
    ASSERT_FALSE(signer) << *signer;
    EXPECT_EQ(signer.error().code, Code::kDenied);
    EXPECT_THAT(signer.error().text(), AllOf(HasSubstr("commit " + oid.substr(0, 7) + " (say "),
                                             HasSubstr(why), HasSubstr("is not used")));
  }

  test::TempDir dir;
  const GitRepo origin = [this] {
    test::isolate_git(dir / "home");
    return GitRepo::init(dir / "origin");
  }();
  VerifyConfig config;
};

TEST_F(Verify, AKnownSignerIsNamed) {
  const auto signer = verify(commit("alice"));
  ASSERT_TRUE(signer) << signer.error().text();
  EXPECT_THAT(*signer, HasSubstr("alice@example.net, ED25519 key SHA256:"));
}

TEST_F(Verify, WhatIsNotSignedBySomebodyWhoMayIsRefused) {
  expect_refused(commit(""), "is not signed");
  expect_refused(commit("mallory"), "is signed with the ED25519 key SHA256:");
  const std::string good = commit("alice");
  ASSERT_TRUE(verify(good));
  const std::pair<std::string, std::string> signers[] = {
      {"alice@example.net valid-before=\"20200101\" " + public_key("alice"), "has expired"},
      {"alice@example.net valid-after=\"20990101\" " + public_key("alice"), "not yet valid"},
      {"alice@example.net namespaces=\"file\" " + public_key("alice"), "namespace"},
      {"alice@example.net cert-authority " + public_key("alice"), "does not let sign"},
      {"alice@example.net " + public_key("mallory"), "does not let sign"},
      {"", "does not let sign"},
      {"not a line of signers", "does not let sign"}};
  for (const auto& [line, why] : signers) {
    allow(line);
    expect_refused(good, why);
  }
}

TEST_F(Verify, WhatACommitSaysReachesNoTerminalAsItIs) {
  const auto refused = verify(commit("", "\x1b[2J" + std::string(1000, 'x')));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().text().find('\x1b'), std::string::npos);
  EXPECT_LT(refused.error().text().size(), 500u);
}

TEST_F(Verify, ASignatureFitsItsCommitAlone) {
  commit("alice", "one");
  const std::string first_tree = origin.git({"rev-parse", "HEAD^{tree}"});
  commit("alice", "two");
  const std::string fits_not = "has a signature that does not fit it";
  expect_refused(altered("s/^tree .*/tree " + first_tree + "/"), fits_not);
  commit("alice", "three");
  expect_refused(altered("s/^author [^<]*/author Somebody Else /"), fits_not);
  // Another commit's signature.
  commit("alice", "four");
  const std::string before = test::run({"sh", "-c",
                                        "cd '" + origin.path().string() +
                                            "' && git cat-file commit HEAD | sed -n "
                                            "'/^gpgsig/,/^ -----END/p'"});
  commit("mallory", "five");
  test::write_file(dir / "signature", before + "\n");
  const std::string oid = test::run({"sh", "-c",
                                     "cd '" + origin.path().string() +
                                         "' && git cat-file commit HEAD | sed -e '/^gpgsig/,/^ "
                                         "-----END/d' -e '/^committer/r " +
                                         dir / "signature" +
                                         "' | git hash-object -t commit -w "
                                         "--stdin"});
  expect_refused(oid, fits_not);
  // Nor does one in the message count for another tree.
  commit("", "six");
  test::run({"sh", "-c",
             "cd '" + origin.path().string() + "' && { echo 'say seven'; echo; cat '" +
                 dir / "signature" + "'; } | git commit -q --amend --cleanup=verbatim -F -"});
  expect_refused(origin.head(), fits_not);
}

TEST_F(Verify, ASignatureForAnotherUseCountsForNothing) {
  commit("alice", "one");
  const std::string script = "cd '" + origin.path().string() +
                             "' && git cat-file commit HEAD | sed '/^gpgsig/,/^ "
                             "-----END/d' > '" +
                             dir / "payload" + "' && ssh-keygen -q -Y sign -n file -f '" +
                             key("alice") + "' '" + dir / "payload" + "' && { sed '/^$/,$d' '" +
                             dir / "payload" +
                             "'; sed -e '1s/^/gpgsig /' "
                             "-e '2,$s/^/ /' '" +
                             dir / "payload.sig" + "'; sed -n '/^$/,$p' '" + dir / "payload" +
                             "'; } | git hash-object -t commit -w --stdin";
  expect_refused(test::run({"sh", "-c", script + " 2>/dev/null"}), "namespace does not match");
}

TEST_F(Verify, AFileThatCannotBeReadIsSaid) {
  const std::string good = commit("alice");
  config.allowed_signers = dir / "none";
  auto signer = verify(good);
  ASSERT_FALSE(signer);
  EXPECT_THAT(signer.error().text(),
              AllOf(HasSubstr("cannot read " + dir / "none"), HasSubstr("allowed_signers")));
  config.mode = VerifyConfig::Mode::kGpg;
  config.keyring = dir / "none";
  EXPECT_THAT(verify(good).error().text(), HasSubstr("keyring"));
}

TEST_F(Verify, GpgKeysAreTakenFromTheKeyringAlone) {
  ::setenv("GNUPGHOME", (dir / "gpg").c_str(), 1);
  std::filesystem::create_directory(dir / "gpg");
  std::filesystem::permissions(dir / "gpg", std::filesystem::perms::owner_all);
  const auto gpg = [](std::vector<std::string> words) {
    words.insert(words.begin(), {"gpg", "--batch", "-q", "--passphrase", ""});
    return test::run(words);
  };
  const auto signed_by = [&](const std::string& who, const std::string& text) {
    origin.write("services/web.toml", text);
    origin.git({"add", "-A"});
    origin.git({"-c", "user.signingkey=" + who, "-c", "gpg.program=" + dir / "gpg-then", "commit",
                "-q", "-S", "-m", "say " + text});
    return origin.head();
  };
  // A key that had expired when this test runs signs at a time when it had not.
  const std::string then = "--faked-system-time 20200101T000000!";
  test::write_file(dir / "gpg-then", "#!/bin/sh\nexec gpg --batch -q \"$@\"\n");
  std::filesystem::permissions(dir / "gpg-then", std::filesystem::perms::owner_all);
  for (const char* who : {"alice@example.net", "mallory@example.net"})
    gpg({"--quick-gen-key", who, "ed25519", "sign", "1d"});
  gpg({"--faked-system-time", "20200101T000000!", "--quick-gen-key", "old@example.net", "ed25519",
       "sign", "1d"});
  gpg({"-o", dir / "keyring", "--export", "alice@example.net", "old@example.net"});
  config.mode = VerifyConfig::Mode::kGpg;
  config.keyring = dir / "keyring";

  const std::string good = signed_by("alice@example.net", "one");
  const auto signer = verify(good);
  EXPECT_TRUE(signer) << signer.error().text();
  if (signer) {
    EXPECT_THAT(*signer, HasSubstr("alice@example.net"));
  }
  expect_refused(signed_by("mallory@example.net", "two"), "which is not in " + dir / "keyring");
  signed_by("alice@example.net", "three");
  expect_refused(altered("s/^author [^<]*/author Somebody Else /"), "does not fit it");
  expect_refused(commit("alice", "four"), "no signature of the kind gpg");
  test::write_file(dir / "gpg-then", "#!/bin/sh\nexec gpg --batch -q " + then + " \"$@\"\n");
  expect_refused(signed_by("old@example.net", "five"), "which has expired");
  config.mode = VerifyConfig::Mode::kSsh;
  expect_refused(good, "no signature of the kind ssh");
  test::run({"gpgconf", "--kill", "all"});
  ::unsetenv("GNUPGHOME");
}

// ---------------------------------------------------------------- the source

constexpr char kWeb[] = "name = \"web\"\n[[components]]\nname = \"app\"\nimage = \"web:v1\"\n";

class VerifiedSource : public Verify {
 protected:
  GitSource source() {
    GitSourceConfig out;
    out.remote.url = origin.path();
    out.mirror_dir = dir / "state";
    out.verify = config;
    return GitSource(out);
  }
  static std::string polled(GitSource& source) {
    const auto answer = source.poll();
    if (!answer) return "error: " + answer.error().text();
    return *answer ? (*answer)->revision.str() : "none";
  }
  static std::string why_held(const GitSource& source) {
    const auto error = source.held();
    return error ? error->why.text() : "";
  }
};

TEST_F(VerifiedSource, AnUnsignedHeadIsHeldUntilASignedOneComes) {
  const std::string first = commit("alice", kWeb);
  GitSource git = source();
  EXPECT_EQ(polled(git), first);
  EXPECT_EQ(why_held(git), "");
  const std::string bad = commit("", std::string(kWeb) + "# more\n");
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(polled(git), "none");
    EXPECT_THAT(why_held(git), AllOf(HasSubstr(bad.substr(0, 7)), HasSubstr("is not signed")));
  }
  const std::string good = commit("alice", std::string(kWeb) + "# signed\n");
  EXPECT_EQ(polled(git), good);
  EXPECT_EQ(why_held(git), "");
  // Taken back to what is in force.
  commit("mallory");
  EXPECT_EQ(polled(git), "none");
  origin.git({"reset", "-q", "--hard", good});
  EXPECT_EQ(polled(git), "none");
  EXPECT_EQ(why_held(git), "");
}

TEST_F(VerifiedSource, AnotherFileOfSignersIsLookedAtAgain) {
  const std::string head = commit("mallory", kWeb);
  GitSource git = source();
  EXPECT_EQ(polled(git), "none");
  EXPECT_THAT(why_held(git), HasSubstr("is signed with the"));
  allow("mallory@example.net " + public_key("mallory"));
  EXPECT_EQ(polled(git), head);
  EXPECT_EQ(why_held(git), "");
}

TEST_F(VerifiedSource, WhatWasBelievedOnceIsNotAskedAgain) {
  const std::string head = commit("alice", kWeb);
  GitSource first = source();
  EXPECT_EQ(polled(first), head);
  std::filesystem::remove(dir / "signers");
  EXPECT_EQ(polled(first), "none");
  EXPECT_EQ(why_held(first), "");
  GitSource restarted = source();
  EXPECT_EQ(polled(restarted), head);
  // A new one is, and cannot be.
  commit("alice", std::string(kWeb) + "# more\n");
  EXPECT_EQ(polled(restarted), "none");
  EXPECT_THAT(why_held(restarted), HasSubstr("cannot read"));
}

}  // namespace
}  // namespace agent
