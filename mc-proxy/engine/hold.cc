#include "mc-proxy/engine/hold.h"

namespace mc_proxy {
namespace {

// Every turn takes HAProxy's one Lua state for some microseconds: the more wait, the rarer.
constexpr char kScript[] = R"lua(
local limit = 1000

-- How many wait. A client that goes away ends its turns without a word: whoever waits is counted in
-- the second of its last turn, and counts no more when that is neither this second nor the last.
local function crowd() return { second = 0, here = 0, before = 0 } end

local function roll(c, second)
  if second <= c.second then return end
  c.before = second == c.second + 1 and c.here or 0
  c.here, c.second = 0, second
end

local function leave(c, last)
  if last == c.second then
    c.here = c.here - 1
  elseif last == c.second - 1 then
    c.before = c.before - 1
  end
end

local function turn(c, second, last)
  roll(c, second)
  leave(c, last)
  c.here = c.here + 1
  return c.second
end

local function size(c, second)
  roll(c, second)
  return c.here + c.before
end

local everyone = crowd()
local counts, order = {}, {}

local function count_of(file, host)
  local key = file .. " " .. host
  if not counts[key] then
    counts[key] = { key = key, crowd = crowd(), held = 0, requests = 0, failed = 0 }
    order[#order + 1] = counts[key]
  end
  return counts[key]
end

local function milliseconds()
  local now = core.now()
  return now.sec * 1000 + now.usec // 1000
end

local function patience_of(value)
  return value and tonumber(value:match("^l[47]hold/(%d+)/"))
end

-- The first turn of a request, and each later one. It asks to be called again, for core.msleep() loses
-- its alarm in rules of TCP when HAProxy is busy; what it remembers is in the request's variables.
-- Returns what the map says, and the milliseconds to the next turn unless this was the last.
local function wait(txn, map, host, count)
  local value = map:lookup(host)
  local patience = patience_of(value)
  local now = milliseconds()
  local second = now // 1000
  local began = txn:get_var("txn.hold_began")
  local seat, place = txn:get_var("txn.hold_seat"), txn:get_var("txn.hold_place")
  if patience and not began and size(everyone, second) < limit then
    began = now
    txn:set_var("txn.hold_began", began)
    count.held = count.held + 1
  end
  if patience and began and now - began < patience * 1000 then
    txn:set_var("txn.hold_seat", turn(everyone, second, seat))
    txn:set_var("txn.hold_place", turn(count.crowd, second, place))
    return value, 10 + size(everyone, second) // 10 + (now - began) // 2000
  end
  leave(everyone, seat)
  leave(count.crowd, place)
  if patience then return nil end
  return value
end

core.register_action("hold", { "tcp-req", "http-req" }, function(txn, file)
  local host = txn:get_var("txn.host")
  local passes = txn:get_var("txn.route"):sub(1, 2) == "l4"
  local count = count_of(file, host)
  local value, pause = wait(txn, maps[file], host, count)
  if pause then
    act.wake_time(pause)
    return act.YIELD
  end
  if value and (value:sub(1, 2) == "l4") == passes then
    txn:set_var("txn.route", value)
  else
    count.requests = count.requests + 1
    if not passes then count.failed = count.failed + 1 end
  end
  return act.CONTINUE
end, 1)

core.register_cli({ "show", "holds" }, "show holds : who waits for a route", function(applet)
  local second = milliseconds() // 1000
  local lines = {}
  for i = 1, #order do
    local c = order[i]
    lines[i] = string.format("%s %d %d %d %d\n", c.key, size(c.crowd, second), c.held, c.requests,
      c.failed)
  end
  applet:send(table.concat(lines))
end)
)lua";

}  // namespace

std::string hold_script(const EngineFiles& files, const std::vector<EngineListener>& listeners) {
  std::string out = "-- Written by mc-proxy; a change here is lost.\nlocal maps = {}\n";
  for (const EngineListener& listener : listeners) {
    const std::string file = "[==[" + files.map(listener.name) + "]==]";
    out += "maps[ " + file + " ] = Map.new(" + file + ", Map._str)\n";
  }
  return out + kScript;
}

}  // namespace mc_proxy
