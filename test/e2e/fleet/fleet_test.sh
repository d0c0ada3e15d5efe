#!/bin/bash
# A week of an operator with three nodes: every command of docs/cli.md, from one workstation.
#
#   fleet_test.sh BINDIR        BINDIR holds mcp and mcp-agent
#
# ash is reached by its socket, birch through ssh, cedar through TLS with a token of MCIAS. Each has
# an agent and a podman of its own on this machine; git is served by sshd. Needs root, for podman.
set -euo pipefail

bin=$(realpath "$1")
source=$(realpath "$(dirname "$0")/../../..")
[ "$(id -u)" = 0 ] || { echo "skipped: root is needed for three podmans"; exit 77; }
work=$(mktemp -d /tmp/mcp-fleet.XXXXXX)
env=$source/test/support/podman_env.sh
nodes=(ash birch cedar)
pids=()

finish() {
  status=$?
  trap - EXIT INT TERM
  [ $status = 0 ] || { echo; echo "FAILED (exit $status). The agents' last words:"; tail -n 15 "$work"/*/agent.log; }
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null && wait "$pid" || :; done
  for control in "$work"/run/mcp-ssh/*; do ssh -S "$control" -O exit any 2>/dev/null || :; done
  for node in "${nodes[@]}"; do "$env" clean "$work/$node/podman" || :; done
  rm -rf "$work"
  exit $status
}
trap finish EXIT
trap 'exit 130' INT TERM

title() { printf '\n== %s\n' "$*"; }

# Runs a command as an operator would, shows it, and keeps what it printed in $out.
run() {
  local expected=$1 code=0
  shift
  echo "\$ $*"
  out=$("$@" 2>&1) || code=$?
  echo "$out" | sed 's/^/    /'
  [ $code = "$expected" ] || { echo "exit $code, expected $expected"; exit 1; }
}
ok() { run 0 "$@"; }
says() { grep -qE -- "$1" <<<"$out" || { echo "not in the output: $1"; exit 1; }; }
silent_on() { ! grep -qE -- "$1" <<<"$out" || { echo "in the output: $1"; exit 1; }; }
wait_for() {
  for _ in $(seq 600); do "$@" >/dev/null 2>&1 && return; sleep 0.1; done
  echo "did not happen: $*"; exit 1
}
podman_of() { local node=$1; shift; "$env" run "$work/$node/podman" "$@"; }

# ------------------------------------------------------------------------ the machines

title "a git server and a login server"
mkdir -p "$work"/{ssh,mcias,run,bin,home,config/mcp}
chmod 700 "$work/run"
export HOME=$work/home XDG_CONFIG_HOME=$work/config XDG_STATE_HOME=$work/state XDG_CACHE_HOME=$work/cache
export XDG_RUNTIME_DIR=$work/run NO_COLOR=1 MCP_AGENT= MCP_REPO= MCP_CONFIG= MCP_TOKEN= VISUAL= EDITOR=
git config --global user.name Kyle
git config --global user.email kyle@example.net
git config --global init.defaultBranch main

ssh-keygen -q -t ed25519 -N '' -f "$work/ssh/host"
ssh-keygen -q -t ed25519 -N '' -f "$work/ssh/key"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >"$work/ssh/sshd_config" <<CONF
ListenAddress 127.0.0.1:$port
ListenAddress 127.0.0.3:$port
HostKey $work/ssh/host
AuthorizedKeysFile $work/ssh/key.pub
PidFile $work/ssh/pid
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin yes
SetEnv PATH=$bin:/usr/bin:/bin
CONF
mkdir -p /run/sshd
/usr/sbin/sshd -D -e -f "$work/ssh/sshd_config" 2>"$work/ssh/log" &
pids+=($!)
echo "[127.0.0.1]:$port,[127.0.0.3]:$port $(cat "$work/ssh/host.pub")" >"$work/ssh/known_hosts"
# ssh reads the home that passwd(5) names, whatever HOME says.
cat >"$work/bin/ssh" <<CONF
#!/bin/sh
exec /usr/bin/ssh -F $work/ssh/config "\$@"
CONF
cat >"$work/ssh/config" <<CONF
Host *
  IdentityFile $work/ssh/key
  UserKnownHostsFile $work/ssh/known_hosts
  BatchMode yes
CONF
chmod +x "$work/bin/ssh"
export PATH=$work/bin:$bin:$PATH
url=ssh://root@127.0.0.1:$port$work/desired.git

echo '{"kyle": {"password": "correct horse", "roles": ["user"]}, "guest": {"password": "g", "roles": ["guest"]}}' \
  >"$work/mcias/accounts.json"
python3 "$source/test/support/mcias/mcias.py" "$work/mcias" 0 2>"$work/mcias/log" &
pids+=($!)
wait_for test -s "$work/mcias/port"
mcias=https://127.0.0.1:$(cat "$work/mcias/port")

title "mcp init makes the repository"
ok mcp init "$work/desired"
rm -f "$work"/desired/services/*.toml "$work"/desired/nodes/*.toml
cd "$work/desired"
cat >fleet.toml <<'CONF'
domain = "example.net"
CONF
git add -A && git commit -qm "Begin with nothing" --allow-empty
git init -q --bare "$work/desired.git"
git remote add origin "$url"
wait_for git push -q -u origin main

title "three nodes"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=cedar \
  -addext subjectAltName=IP:127.0.0.4 -keyout "$work/tls.key" -out "$work/tls.pem" 2>/dev/null
tls_port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.4", 0)); print(s.getsockname()[1])')
for node in "${nodes[@]}"; do
  mkdir -p "$work/$node/srv"
  "$env" serve "$work/$node/podman" >"$work/$node/podman.log" 2>&1 &
  pids+=($!)
  cat >"$work/$node/agent.toml" <<CONF
[node]
name = "$node"
[source]
url = "$url"
interval = "2s"
report = true
ssh_key = "$work/ssh/key"
known_hosts = "$work/ssh/known_hosts"
[podman]
socket = "$work/$node/podman/podman.sock"
[registry]
path = "$work/registry/$node/mcp.db"
[api]
socket = "$work/$node/agent.sock"
[data]
root = "$work/$node/srv"
[policy]
volume_roots = ["$work"]
CONF
done
cat >>"$work/cedar/agent.toml" <<CONF
[mcias]
server_url = "$mcias"
ca_cert = "$work/mcias/ca.pem"
CONF
sed -i "/^\[api\]/a listen = \"127.0.0.4:$tls_port\"\ntls_cert = \"$work/tls.pem\"\ntls_key = \"$work/tls.key\"" \
  "$work/cedar/agent.toml"
for node in "${nodes[@]}"; do
  wait_for test -S "$work/$node/podman/podman.sock"
  podman_of "$node" tag localhost/mcp-demo:v1 localhost/mcp-demo:v2
  mcp-agent --config "$work/$node/agent.toml" 2>"$work/$node/agent.log" &
  pids+=($!)
done
for node in "${nodes[@]}"; do wait_for test -S "$work/$node/agent.sock"; done

cat >"$XDG_CONFIG_HOME/mcp/mcp.toml" <<CONF
[repo]
path = "$work/desired"
[mcias]
server_url = "$mcias"
ca_cert = "$work/mcias/ca.pem"
[auth]
ca_file = "$work/tls.pem"
CONF
# ------------------------------------------------------------------------ who gets in

title "cedar lets nobody in without a token"
run 6 mcp --agent "https://127.0.0.4:$tls_port" list
says 'mcp login'
run 6 mcp login --user kyle --password-stdin <<<"wrong"
ok mcp login --user kyle --password-stdin <<<"correct horse"
[ "$(stat -c %a "$XDG_CONFIG_HOME/mcp/token")" = 600 ]
ok mcp node add ash 127.0.0.2 --agent "unix://$work/ash/agent.sock" --label zone=home
ok mcp node add birch 127.0.0.3 --agent "ssh://root@127.0.0.3:$port$work/birch/agent.sock" --label zone=home
ok mcp node add cedar 127.0.0.4 --agent "https://127.0.0.4:$tls_port"
ok mcp node list
for node in "${nodes[@]}"; do says "$node .*True|$node .*Ready"; done
ok mcp version
says 'agent birch'

# ------------------------------------------------------------------------ a first service

title "a definition with a typo does not get far"
mkdir -p services
cat >services/web.toml <<'CONF'
# The web, for everybody.
name = "web"
node = "ash"

[[components]]
name = "api"
imgae = "localhost/mcp-demo:v1"
CONF
run 3 mcp validate .
says "services/web.toml:7:1: .*imgae.*did you mean 'image'"
cat >services/web.toml <<'CONF'
# The web, for everybody.
name = "web"
node = "ash"

[[components]]
name = "api"
image = "localhost/mcp-demo:v1"
cmd = ["sh", "-c", "echo web is up; trap 'exit 0' TERM; sleep 100000 & wait"]
stop_timeout = "2s"
CONF
ok mcp validate .
run 4 mcp diff web --exit-code
ok mcp deploy web
says 'Ready|ready'
ok mcp ps
says 'web +api +ash +running'
ok mcp list
ok mcp status web
ok mcp status --check
ok mcp logs web
says 'web is up'
ok mcp logs web/api -n 1
ok mcp status --wait --revision HEAD
says 'web'

title "what happens is seen as it happens"
mcp logs web -f >"$work/followed.log" 2>&1 &
pids+=($!)
mcp events -f >"$work/followed.events" 2>&1 &
pids+=($!)
wait_for grep -q 'web is up' "$work/followed.log"
podman_of ash exec web.api sh -c 'echo somebody came >/proc/1/fd/1'
wait_for grep -q 'somebody came' "$work/followed.log"
ok mcp restart web
wait_for grep -q 'RolledOut' "$work/followed.events"
followers=("${pids[@]: -2}")
kill "${followers[@]}"
wait "${followers[@]}" || :
pids=("${pids[@]:0:${#pids[@]}-2}")

title "a service with data, on the node behind ssh"
cat >services/notes.toml <<CONF
name = "notes"
node = "birch"

[[components]]
name = "main"
image = "localhost/mcp-demo:v1"
cmd = ["sh", "-c", "cat /data/greeting; trap 'exit 0' TERM; sleep 100000 & wait"]
volumes = ["$work/birch/srv/notes:/data"]
stop_timeout = "2s"
CONF
echo "good morning" >greeting
mkdir -p "$work/birch/srv/notes"
ok mcp deploy notes
ok mcp push greeting notes
cmp greeting "$work/birch/srv/notes/greeting"
ok mcp restart notes
ok mcp logs notes
says 'good morning'
ok mcp pull notes greeting greeting.back
cmp greeting greeting.back
run 3 mcp push greeting notes ../../escape
ok test ! -e "$work/birch/escape"
rm greeting greeting.back

title "and one on the node behind TLS"
cat >services/mail.toml <<'CONF'
name = "mail"
node = "cedar"

[[components]]
name = "main"
image = "localhost/mcp-demo:v1"
cmd = ["sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait"]
stop_timeout = "2s"
CONF
ok mcp deploy mail
ok mcp events -n 5 --node cedar
says 'mail'
ok mcp --node cedar events mail

# ------------------------------------------------------------------------ day by day

title "versions come and go"
ok mcp deploy web --image localhost/mcp-demo:v2
ok mcp ps
says 'web .*v2'
ok mcp history web
says 'yes .*Kyle'
ok mcp rollback web
grep -q 'mcp-demo:v1' services/web.toml
grep -q '# The web, for everybody.' services/web.toml
run 1 mcp deploy web --image localhost/mcp-demo:none --timeout 60s
says 'mcp-demo:none'
ok mcp rollback web
ok mcp why web
says 'mcp-demo:v1'

title "stop, start, restart"
ok mcp stop web
ok mcp start web
ok mcp restart web
ok mcp sync --wait
ok mcp sync ash

title "definitions as the agents have them"
ok mcp service show notes
says 'cmd = '
ok mcp service export notes "$work/notes.toml"
test -s "$work/notes.toml"
cat >"$work/bin/editor" <<'CONF'
#!/bin/sh
sed -i 's/^stop_timeout = .*/stop_timeout = "3s"/' "$1"
CONF
chmod +x "$work/bin/editor"
EDITOR=$work/bin/editor ok mcp service edit mail
grep -q '3s' services/mail.toml

title "a container that somebody made by hand"
podman_of ash run -d --name clock --stop-timeout 2 localhost/mcp-demo:v1 \
  sh -c "trap 'exit 0' TERM; sleep 100000 & wait" >/dev/null
before=$(podman_of ash inspect clock --format '{{.Id}} {{.State.StartedAt}}')
ok mcp adopt clock --yes --node ash
[ "$(podman_of ash inspect clock --format '{{.Id}} {{.State.StartedAt}}')" = "$before" ]
ok mcp diff clock --exit-code
ok mcp undeploy clock
run 125 podman_of ash inspect clock

# ------------------------------------------------------------------------ placement

title "a service that any node may run"
cat >services/roam.toml <<'CONF'
name = "roam"
placement = { labels = { zone = "home" } }

[[components]]
name = "main"
image = "localhost/mcp-demo:v1"
cmd = ["sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait"]
stop_timeout = "2s"
CONF
ok mcp deploy roam
home=$(mcp list -o json | python3 -c 'import json, sys
print([one["node"] for one in json.load(sys.stdin)["services"] if one["name"] == "roam"][0])')
# What names the node stays, and is said.
run 4 mcp node drain "$home"
says "roam: $home -> .*Ready there"
says 'stays: its definition names'
ok mcp list
silent_on "^roam +$home "
ok mcp node uncordon "$home"
run 1 mcp node remove cedar
says mail

# ------------------------------------------------------------------------ reading, and bad days

title "reading"
ok mcp route list
says 'mcproxy|not managed|no routes'
ok mcp explain service.components.health
says 'interval'
ok mcp completion bash
says 'complete '
ok mcp status
for service in web notes mail roam; do says "$service"; done
ok mcp list -o json
ok mcp list -o name

title "an agent that is gone is never fine"
kill "${pids[-1]}" && wait "${pids[-1]}" || :
run 7 mcp list
says 'web'
says 'cedar'
run 7 mcp status --check
run 7 mcp node list
says 'cedar .*Unknown'
# What goes back to the node that takes services again is handed over first.
wait_for mcp --node ash,birch status --check
ok mcp --node ash,birch status --check
ok mcp logout

title "and everything goes"
mcp-agent --config "$work/cedar/agent.toml" 2>>"$work/cedar/agent.log" &
pids+=($!)
ok mcp login --user kyle --password-stdin <<<"correct horse"
wait_for mcp --node cedar version
for service in web notes mail roam; do ok mcp undeploy $service; done
ok mcp ps
silent_on running
ok mcp node remove cedar
for node in "${nodes[@]}"; do
  [ -z "$(podman_of "$node" ps --all --quiet)" ] || { echo "containers are left on $node"; exit 1; }
done
echo
echo "PASSED: the whole command table on three nodes"
