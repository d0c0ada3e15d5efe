// From what is wrong to who is told, with the real program and real receivers.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/core/hmac.h"
#include "test/integration/alerts/parts.h"
#include "test/support/small_disk.h"

namespace test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// What would be minutes for people is nothing here.
const char* const kAtOnce =
    "[alerts]\ngroup_wait = \"0s\"\ninterval = \"0s\"\nresolve_after = \"0s\"\n"
    "disable = [\"RuntimeUnreachable\", \"DiskNearlyFull\"]\n"
    "[alerts.for]\nSourceUnreachable = \"0s\"\nReceiverFailing = \"1s\"\n";

std::string webhook(const Listener& listener, const std::string& path,
                    const std::string& more = "") {
  return "[[alerts.receivers]]\ntype = \"webhook\"\nname = \"" + path.substr(1) + "\"\nurl = \"" +
         listener.url(path) + "\"\nca_file = \"" + listener.ca_file() + "\"\n" + more;
}

TEST(Alerts, AnAlertIsToldOnceAndItsEndOnce) {
  Listener listener;
  TempDir secrets;
  const std::string key(32, 'k');
  std::ofstream(secrets / "key") << "whsec_" << base::to_base64(key) << "\n";
  Agent agent(kAtOnce + webhook(listener, "/ops", "secret_file = \"" + (secrets / "key") + "\"\n"));
  agent.start();
  ASSERT_TRUE(eventually([&] { return agent.status().has_value(); })) << agent.log();
  agent.take_source();
  ASSERT_TRUE(eventually([&] { return !listener.told("/ops").empty(); })) << agent.log();
  EXPECT_THAT(agent.firing(), ElementsAre("SourceUnreachable"));
  agent.give_source();
  ASSERT_TRUE(eventually([&] { return listener.told("/ops").size() >= 2; })) << agent.log();
  EXPECT_THAT(listener.told("/ops"),
              ElementsAre("firing SourceUnreachable", "resolved SourceUnreachable"));
  EXPECT_THAT(agent.firing(), IsEmpty());

  const auto requests = listener.requests("/ops");
  for (const base::HttpRequest& request : requests) {
    const std::string signed_text = request.headers.at("webhook-id") + "." +
                                    request.headers.at("webhook-timestamp") + "." + request.body;
    EXPECT_EQ(request.headers.at("webhook-signature"),
              "v1," + base::to_base64(base::hmac_sha256(key, signed_text)));
  }
  EXPECT_NE(requests[0].headers.at("webhook-id"), requests[1].headers.at("webhook-id"));
  const Json data = Json::parse(requests[0].body)["data"];
  EXPECT_EQ(data["version"], 1);
  EXPECT_EQ(data["node"], "rift");
  EXPECT_EQ(data["alerts"][0]["runbook"], "docs/alerts.md#sourceunreachable");
  EXPECT_THAT(data["alerts"][0]["description"].get<std::string>(), HasSubstr("repository"));
}

TEST(Alerts, AReceiverThatIsDownDelaysNobodyAndHearsInTheEnd) {
  Listener up, down;
  Agent agent(kAtOnce + webhook(up, "/up") + webhook(down, "/down"));
  down.answer_with(503);
  agent.start();
  ASSERT_TRUE(eventually([&] { return agent.status().has_value(); })) << agent.log();
  agent.take_source();
  ASSERT_TRUE(eventually([&] { return !up.told("/up").empty(); })) << agent.log();
  ASSERT_TRUE(eventually([&] { return down.refused() > 0; }));
  agent.give_source();
  ASSERT_TRUE(eventually([&] {
    const auto told = up.told("/up");
    return std::find(told.begin(), told.end(), "resolved SourceUnreachable") != told.end();
  }));
  // It is visible, and the other one hears of it.
  ASSERT_TRUE(eventually([&] {
    const auto told = up.told("/up");
    return std::find(told.begin(), told.end(), "firing ReceiverFailing down") != told.end();
  })) << agent.log();
  EXPECT_THAT(agent.receiver("down")["error"].get<std::string>(), HasSubstr("answered 503"));
  EXPECT_THAT(agent.log(), HasSubstr("alerts do not reach down"));
  EXPECT_THAT(down.told("/down"), IsEmpty());
  down.answer_with(200);
  ASSERT_TRUE(eventually([&] { return !down.told("/down").empty(); })) << agent.log();
  // It began and ended while it was down: one piece of news, with both times.
  EXPECT_THAT(down.told("/down"), ElementsAre("resolved SourceUnreachable"));
  const Json alert = Json::parse(down.requests("/down")[0].body)["data"]["alerts"][0];
  EXPECT_LT(alert["startsAt"].get<std::string>(), alert["endsAt"].get<std::string>());
  ASSERT_TRUE(eventually([&] {
    const auto told = up.told("/up");
    return std::find(told.begin(), told.end(), "resolved ReceiverFailing down") != told.end();
  })) << agent.log();
}

TEST(Alerts, AKillBetweenTheAlertAndItsDeliveryLosesNothing) {
  Listener listener;
  Agent agent(kAtOnce + webhook(listener, "/ops"));
  listener.answer_with(500);
  agent.start();
  ASSERT_TRUE(eventually([&] { return agent.status().has_value(); })) << agent.log();
  agent.take_source();
  ASSERT_TRUE(eventually([&] { return listener.refused() > 0; })) << agent.log();
  agent.kill();
  listener.answer_with(200);
  agent.start();
  ASSERT_TRUE(eventually([&] { return !listener.told("/ops").empty(); })) << agent.log();
  EXPECT_THAT(listener.told("/ops"), ElementsAre("firing SourceUnreachable"));
  const Json first = Json::parse(listener.requests("/ops")[0].body)["data"]["alerts"][0];

  // Once it knows that it was heard (else it would say it again, as it promises).
  ASSERT_TRUE(eventually([&] { return agent.receiver("ops")["delivered"] == 1; })) << agent.log();

  // And what ends while it is dead ends for those who heard of it.
  agent.kill();
  agent.give_source();
  agent.start();
  ASSERT_TRUE(eventually([&] { return listener.told("/ops").size() >= 2; })) << agent.log();
  EXPECT_THAT(listener.told("/ops"),
              ElementsAre("firing SourceUnreachable", "resolved SourceUnreachable"));
  const Json last = Json::parse(listener.requests("/ops")[1].body)["data"]["alerts"][0];
  EXPECT_EQ(last["startsAt"], first["startsAt"]) << "it is the same one";
}

TEST(Alerts, WhatBeganAndEndedAroundAKillIsToldToo) {
  Listener listener;
  Agent agent(kAtOnce + webhook(listener, "/ops"));
  listener.answer_with(500);
  agent.start();
  ASSERT_TRUE(eventually([&] { return agent.status().has_value(); })) << agent.log();
  agent.take_source();
  ASSERT_TRUE(eventually([&] { return listener.refused() > 0; })) << agent.log();
  agent.kill();
  agent.give_source();
  agent.start();
  ASSERT_TRUE(eventually([&] { return agent.log().find("AlertResolved") != std::string::npos; }))
      << agent.log();
  listener.answer_with(200);
  ASSERT_TRUE(eventually([&] { return !listener.told("/ops").empty(); })) << agent.log();
  EXPECT_THAT(listener.told("/ops"), ElementsAre("resolved SourceUnreachable"));
}

TEST(Alerts, AFullDiskAroundAKillLosesNoEnd) {
  if (::geteuid() != 0) GTEST_SKIP() << "a small disk takes root: mount(8)";
  Listener listener;
  Agent agent(kAtOnce + webhook(listener, "/ops"));
  const SmallDisk disk(agent.folder() / "state");
  agent.start();
  ASSERT_TRUE(eventually([&] {
    const auto document = agent.status();
    return document && !(*document)["source"]["lastFetch"].is_null();
  })) << agent.log();
  disk.fill();
  agent.take_source();
  ASSERT_TRUE(eventually([&] { return agent.receiver("ops")["delivered"] == 1; })) << agent.log();
  EXPECT_THAT(agent.log(), HasSubstr("it is kept in " + disk.path() + "/alerts-told"));
  agent.kill();
  disk.empty();
  agent.give_source();
  agent.start();
  ASSERT_TRUE(eventually([&] { return listener.told("/ops").size() >= 2; })) << agent.log();
  EXPECT_THAT(listener.told("/ops"),
              ElementsAre("firing SourceUnreachable", "resolved SourceUnreachable"));
}

TEST(Alerts, ADiskThatIsNearlyFullIsOne) {
  if (::geteuid() != 0) GTEST_SKIP() << "a small disk takes root: mount(8)";
  Agent agent(
      "[alerts]\ndisk_free_percent = 50\n"
      "[alerts.for]\nDiskNearlyFull = \"0s\"\n");
  const SmallDisk disk(agent.folder() / "state");
  disk.take(1200);  // of 2048
  agent.start();
  const auto fires = [&] {
    const auto document = agent.status();
    return document && std::any_of((*document)["alerts"].begin(), (*document)["alerts"].end(),
                                   [&](const Json& alert) {
                                     return alert["key"] == "DiskNearlyFull " + disk.path();
                                   });
  };
  EXPECT_TRUE(eventually(fires)) << agent.log();
}

TEST(Alerts, ALoopThatWasStuckBeforeARestartIsStuckNoMore) {
  Listener listener;
  Agent agent(kAtOnce + webhook(listener, "/ops"));
  const std::string note = agent.folder() / "state/agent-stuck";
  std::filesystem::create_directory(agent.folder() / "state");
  std::ofstream(note) << "1763805600000\nops\n";
  agent.start();
  ASSERT_TRUE(eventually([&] { return !listener.told("/ops").empty(); })) << agent.log();
  EXPECT_THAT(listener.told("/ops"), ElementsAre("resolved AgentStuck"));
  EXPECT_FALSE(std::filesystem::exists(note));
}

TEST(Alerts, NtfyAndMailAndAHeartbeatGetWhatTheyUnderstand) {
  Listener listener;
  TempDir folder;
  std::ofstream(folder / "token") << "tk_secret\n";
  // What sendmail(1) promises: -t takes the recipients from the header, -i reads to the end.
  std::ofstream(folder / "sendmail") << "#!/bin/sh\necho \"$@\" > " << (folder / "arguments")
                                     << "\ncat > " << (folder / "mail.new") << "\nmv "
                                     << (folder / "mail.new") << " " << (folder / "mail") << "\n";
  ::chmod((folder / "sendmail").c_str(), 0755);
  Agent agent(
      std::string(kAtOnce) + "[alerts.heartbeat]\nurl = \"" + listener.url("/alive") +
      "\"\nca_file = \"" + listener.ca_file() + "\"\ninterval = \"10s\"\n" +
      "[[alerts.receivers]]\ntype = \"ntfy\"\nurl = \"" + listener.url("/mytopic") +
      "\"\nca_file = \"" + listener.ca_file() + "\"\nsecret_file = \"" + (folder / "token") +
      "\"\n" + "[[alerts.receivers]]\ntype = \"email\"\nsendmail = \"" + (folder / "sendmail") +
      "\"\nto = [\"ops@example.net\", \"me@example.net\"]\n" + "from = \"rift@example.net\"\n");
  const auto read = [&](const std::string& name) {
    std::stringstream text;
    text << std::ifstream(folder / name).rdbuf();
    return text.str();
  };
  const base::Finished check = agent.run("check");
  EXPECT_THAT(check.out, HasSubstr("ok       alerts: ntfy: ntfy at https://localhost"));
  EXPECT_THAT(check.out, HasSubstr("ok       alerts: email: email to ops@example.net"));
  EXPECT_THAT(check.out, HasSubstr("ok       alerts: heartbeat to https://localhost"));
  EXPECT_THAT(listener.requests("/"), IsEmpty()) << "it sends nothing";

  agent.start();
  ASSERT_TRUE(eventually([&] { return !listener.requests("/alive").empty(); })) << agent.log();
  agent.take_source();
  ASSERT_TRUE(eventually([&] { return !listener.requests("/").empty(); })) << agent.log();
  const base::HttpRequest note = listener.requests("/")[0];
  EXPECT_EQ(note.headers.at("authorization"), "Bearer tk_secret");
  const Json published = Json::parse(note.body);
  EXPECT_EQ(published["topic"], "mytopic");
  EXPECT_EQ(published["priority"], 4);
  EXPECT_THAT(published["title"].get<std::string>(), HasSubstr("cannot be fetched"));
  EXPECT_THAT(published["message"].get<std::string>(), HasSubstr("docs/alerts.md#source"));

  ASSERT_TRUE(eventually([&] { return !read("mail").empty(); })) << agent.log();
  EXPECT_EQ(read("arguments"), "-t -i\n");
  const std::string mail = read("mail");
  EXPECT_THAT(mail, HasSubstr("From: rift@example.net\r\n"));
  EXPECT_THAT(mail, HasSubstr("To: ops@example.net, me@example.net\r\n"));
  EXPECT_THAT(mail, HasSubstr("Auto-Submitted: auto-generated\r\n"));
  const size_t head = mail.find("\r\n\r\n");
  ASSERT_NE(head, std::string::npos);
  std::string body;
  for (const char c : mail.substr(head + 4))
    if (c != '\r' && c != '\n') body += c;
  EXPECT_THAT(base::from_base64(body).value_or(""), HasSubstr("SourceUnreachable since 2"));
}

TEST(Alerts, ATestSaysHowEachAnswered) {
  Listener listener;
  Agent agent(std::string(kAtOnce) + webhook(listener, "/ops") +
              "[[alerts.receivers]]\ntype = \"alertmanager\"\nurl = \"http://127.0.0.1:9\"\n" +
              "[[alerts.receivers]]\ntype = \"email\"\nto = [\"a@b\"]\nsendmail = \"/no/such\"\n");
  const base::Finished tested = agent.run("alert-test");
  EXPECT_EQ(tested.exit_code, 1);
  EXPECT_THAT(tested.out, HasSubstr("ok       ops (webhook): took it"));
  EXPECT_THAT(tested.out, HasSubstr("error    alertmanager (alertmanager): cannot"));
  EXPECT_THAT(tested.out, HasSubstr("error    email (email): "));
  EXPECT_THAT(listener.told("/ops"), ElementsAre("resolved AlertTest"));
  const base::Finished checked = agent.run("check");
  EXPECT_THAT(checked.out, HasSubstr("error    alerts: email: cannot run /no/such"));
}

}  // namespace
}  // namespace test
