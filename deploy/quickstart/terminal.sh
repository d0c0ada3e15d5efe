# shellcheck shell=bash
# What quickstart.sh writes. Colour and moving lines only on a terminal; NO_COLOR is honoured.

bold= dim= green= red= plain=
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
  bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
fi

now() { echo "${EPOCHREALTIME/./}"; }  # microseconds

seconds_since() {
  local ms=$((($(now) - $1) / 1000))
  if [ $ms -lt 10000 ]; then
    printf '%d.%02d s\n' $((ms / 1000)) $((ms % 1000 / 10))
  else
    printf '%d s\n' $((ms / 1000))
  fi
}

# A path as somebody in the checkout would type it.
short() { echo "${1#"$top/"}"; }

heading() { printf '\n%s%s%s\n' "$bold" "$1" "$plain"; }
remark() { printf '%s%s%s\n' "$dim" "$1" "$plain"; }
done_line() { printf '%s✓%s %-10s  %s\n' "$green" "$plain" "$1" "$2"; }
failed_line() { printf '%s✗ %-10s  %s%s\n' "$red" "$1" "$2" "$plain" >&2; }

fail() {
  failed_line failed "$1"
  exit 1
}

# step NAME FUNCTION: runs it with its output in a log, and one line here. The function says what
# came of it by `result TEXT`.
result() { echo "$1" > "$log_dir/result"; }

# Nothing that is started here keeps the lock of the folder (descriptor 9) beyond this script. A step
# is a process group of its own (set -m), so that stop_step reaches all of it.
step() {
  local name=$1 log=$log_dir/$1.log begin status=0 pid
  begin=$(now)
  rm -f "$log_dir/result"
  set -m
  (set -e; "$2") > "$log" 2>&1 < /dev/null 9>&- &
  set +m
  pid=$!
  step_pid=$pid
  if [ -t 1 ]; then
    # Not in this shell: bash 5.2 cannot run a trap in the middle of a $( ).
    (
      while kill -0 $pid 2>/dev/null; do
        # ninja's "[12/345]" is the best there is to tell
        printf '\r\e[K%s· %-10s  %s%s' "$dim" "$name" \
          "$(grep -o '^\[[0-9]*/[0-9]*\]' "$log" | tail -n 1) $(seconds_since "$begin")" "$plain"
        sleep 0.2
      done
    )
    printf '\r\e[K'
  fi
  wait $pid || status=$?
  step_pid=
  if [ $status != 0 ]; then
    failed_line "$name" "failed (exit $status); the log is $(short "$log"), its end:"
    tail -n 15 "$log" | sed 's/^/    /' >&2
    exit 1
  fi
  done_line "$name" "$(cat "$log_dir/result") $dim($(seconds_since "$begin"))$plain"
}

step_pid=
stop_step() {
  [ -n "$step_pid" ] || return 0
  kill -- "-$step_pid" 2>/dev/null || :
  wait "$step_pid" 2>/dev/null || :
}

# show COMMAND...: the command as one types it, then its own output.
show() {
  local word typed=
  for word in "$@"; do
    case $word in *" "*) word="\"$word\"" ;; esac
    typed+="$word "
  done
  prompt "${typed% }"
  "$@" 9>&- || {
    local status=$?
    failed_line "$1" "'$*' failed (exit $status); the agent's log is $(short "$dir/agent.log"), its end:"
    tail -n 10 "$dir/agent.log" | sed 's/^/    /' >&2
    exit 1
  }
}

prompt() { printf '%s$ %s%s\n' "$bold" "$1" "$plain"; }
