# shellcheck shell=bash
# What quickstart.sh shows of the running node.

host=hello.example.test  # <service>.<domain of specs-example/fleet.toml>

# ask FLAG...: a request as any client would make it, but for a name that no DNS knows and a CA that
# only this folder knows. From the working tree, where the tour is.
ask() { curl "$@" --cacert ../proxy/ca/ca.pem --resolve "$host:$port:127.0.0.1" "https://$host:$port/"; }
show_page() { show curl -s --cacert ../proxy/ca/ca.pem --resolve "$host:$port:127.0.0.1" "https://$host:$port/"; }

# A client that asks without a pause, each time over a new connection, until the file `until` appears.
# Writes "<asked> <answered by v1> <by v2>".
ask_until() {
  local until=$1 asked=0 v1=0 v2=0
  while [ ! -e "$until" ]; do
    asked=$((asked + 1))
    case $(ask -sf -m 5) in
      "hello v1 "*) v1=$((v1 + 1)) ;;
      "hello v2 "*) v2=$((v2 + 1)) ;;
    esac
  done
  echo "$asked $v1 $v2" > "$until.result"
}

change_under_load() {
  local asker asked v1 v2 failed
  remark "from here on another process asks for the page again and again"
  ask_until "$dir/rolled" 9>&- &
  asker=$!
  show mcp deploy hello --version v2
  touch "$dir/rolled"
  wait $asker
  read -r asked v1 v2 < "$dir/rolled.result"
  failed=$((asked - v1 - v2))
  [ $failed = 0 ] || fail "$failed of $asked requests failed meanwhile; see $(short "$dir/agent.log")"
  done_line client "asked $asked times meanwhile: $v1 answered by v1, $v2 by v2, $failed failed"
}

break_it() {
  local run pid killed body end=$((SECONDS + 60))
  run=$(ask -s | grep -o 'run .*')
  pid=$(podman inspect -f '{{.State.Pid}}' \
    "$(podman ps -q --filter label=net.metacircular.mcp.service=hello)")
  killed=$(now)
  show kill -9 "$pid"
  until body=$(ask -sf -m 2) && [[ $body == *"run "* && $body != *"$run"* ]]; do
    [ $SECONDS -lt $end ] || fail "the page did not come back within a minute; see $(short "$dir/agent.log")"
    sleep 0.01
  done
  done_line healed "the page answers again $(seconds_since "$killed") after its process was killed"
}

tour() {
  local examples
  cd "$dir/desired"
  examples=$(realpath --relative-to=. "$top/specs-example/services")
  heading "Deploy: a commit that is pushed becomes a page at its name"
  show mkdir -p services
  show cp "$examples/hello.toml" services/
  [ "$port" = 8443 ] || show sed -i "s/8443/$port/" services/hello.toml
  show mcp deploy hello
  show_page

  heading "Change it while a client asks"
  change_under_load
  show_page

  heading "Break it"
  break_it
  show_page
  show mcp events hello -n 6

  heading "Any git client will do"
  show cp "$examples/notes.toml" "$examples/clock.yaml" services/
  show git add services
  show git commit -q -m "Add notes and the clock"
  show git push -q origin main
  show mcp sync --wait
  show curl -s http://127.0.0.1:18080/cgi-bin/visit

  heading "What is"
  show mcp route list
  show mcp status
}

how_to_go_on() {
  local relative
  relative=$(short "$dir")
  heading "It runs on"
  echo "In another terminal:"
  prompt ". $relative/env"
  sed 's/^/    /' "$dir/env"
  prompt "mcp status"
  prompt "curl --cacert $relative/proxy/ca/ca.pem --resolve $host:$port:127.0.0.1 https://$host:$port/"
  prompt "\$EDITOR $relative/desired/services/hello.toml && mcp deploy hello"
  prompt "mcp logs clock -f"
  echo "Stop it:"
  prompt "./deploy/quickstart.sh --stop$([ "$dir" = "$top/.quickstart" ] || echo " --dir $dir")"
}
