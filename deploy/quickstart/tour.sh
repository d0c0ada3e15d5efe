# shellcheck shell=bash
# What quickstart.sh shows of the running node.

# Ports of the containers of hello that run, one a line: the old and the new one while it rolls.
hello_ports() {
  podman ps --filter label=net.metacircular.mcp.service=hello --format '{{.Ports}}' |
    sed -n 's/^127\.0\.0\.1:\([0-9]*\)->.*/\1/p'
}

page() { curl -sf -m 2 "http://127.0.0.1:$1/"; }

# wait_for_another_run PORT RUN: waits for an answer of another run than RUN.
wait_for_another_run() {
  local body end=$((SECONDS + 60))
  until body=$(page "$1") && [[ $body == *"run "* && $body != *"$2"* ]]; do
    [ $SECONDS -lt $end ] || fail "the page did not come back within a minute; see $(short "$dir/agent.log")"
    sleep 0.01
  done
}

# A client that asks again and again; when nobody answers it looks for the port anew, as the proxy
# would have told it. Writes "<asked> <v1> <v2> <missed>" when the file `until` appears.
ask_until() {
  local until=$1 port=$2 asked=0 v1=0 v2=0 missed=0 body other
  while [ ! -e "$until" ]; do
    asked=$((asked + 1))
    if ! body=$(page "$port"); then
      for other in $(hello_ports); do
        body=$(page "$other") && port=$other && break
      done
    fi
    case $body in
      *v1*) v1=$((v1 + 1)) ;;
      *v2*) v2=$((v2 + 1)) ;;
      *) missed=$((missed + 1)) ;;
    esac
    sleep 0.02
  done
  echo "$asked $v1 $v2 $missed" > "$until.result"
}

tour() {
  local examples port pid run killed asker asked v1 v2 missed
  cd "$dir/desired"
  examples=$(realpath --relative-to=. "$top/specs-example/services")
  heading "Deploy: a commit that is pushed becomes a running container"
  show mkdir -p services
  show cp "$examples/hello.toml" services/
  show mcp deploy hello
  port=$(hello_ports)
  show curl -s "http://127.0.0.1:$port/"

  heading "Any git client will do"
  show cp "$examples/notes.toml" "$examples/clock.yaml" services/
  show git add services
  show git commit -q -m "Add notes and the clock"
  show git push -q origin main
  show mcp sync --wait
  show curl -s http://127.0.0.1:18080/cgi-bin/visit

  heading "Break it"
  run=$(page "$port" | grep -o 'run .*')
  pid=$(podman inspect -f '{{.State.Pid}}' hello.web)
  killed=$(now)
  show kill -9 "$pid"
  wait_for_another_run "$port" "$run"
  remark "answers again $(seconds_since "$killed") after its first process was killed"
  show curl -s "http://127.0.0.1:$port/"
  show mcp events hello -n 3

  heading "Change it, under load"
  ask_until "$dir/rolled" "$port" 9>&- &
  asker=$!
  show mcp deploy hello --version v2
  touch "$dir/rolled"
  wait $asker
  read -r asked v1 v2 missed < "$dir/rolled.result"
  remark "meanwhile a client asked $asked times: $v1 answers of v1, $v2 of v2, $missed without an answer"

  heading "What is"
  show mcp status
}

how_to_go_on() {
  heading "It runs on"
  echo "In another terminal:"
  prompt ". $(short "$dir/env")"
  sed 's/^/    /' "$dir/env"
  prompt "mcp status"
  prompt "\$EDITOR $(short "$dir/desired")/services/hello.toml && mcp deploy hello"
  prompt "mcp logs clock -f"
  echo "Stop it:"
  prompt "./deploy/quickstart.sh --stop$([ "$dir" = "$top/.quickstart" ] || echo " --dir $dir")"
}
