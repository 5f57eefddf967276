# shellcheck shell=bash
# What the servers of the tests have in common: sourced by azure.sh, kafka.sh, registry.sh and s3.sh, and for what is
# fetched by parquet-java.sh. Each says its own name to people.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

port_in_use() {
  (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# Below the range that the kernel hands out to outgoing connections, which could take the port meanwhile.
free_port() {
  local port
  while port=$((20000 + RANDOM % 12000)) && port_in_use "$port"; do :; done
  printf '%s\n' "$port"
}

# Prints the directory in .cache of what FILES decide on: their hash names it, so another version is another directory. If it
# is not there, COMMAND makes it, which is given a directory that becomes it: whole or not at all.
cached() { # cached NAME WHAT FILES… -- COMMAND
  local name=$1 what=$2 files=() key made partial output
  shift 2
  while [[ $1 != -- ]]; do
    files+=("$1")
    shift
  done
  shift
  key=$(cat "${files[@]}" | sha256sum)
  made=$root/.cache/$name/${key:0:16}
  if [[ ! -d $made ]]; then
    echo "${0##*/}: fetching $what" >&2
    mkdir -p "$root/.cache/$name"
    partial=$(mktemp -d "$root/.cache/$name/partial.XXXXXX")
    if ! output=$("$@" "$partial" 2>&1); then
      rm -rf "$partial"
      printf '%s\n' "$output" >&2
      die "$what could not be fetched"
    fi
    # Whoever fetched at the same time has the same files.
    mv -T "$partial" "$made" 2>/dev/null || rm -rf "$partial"
  fi
  printf '%s\n' "$made"
}

# Starts a server that logs into DIR/LOG, and waits until READY succeeds. A session of its own: a Ctrl-C in the terminal is
# for the tests, which then stop it themselves.
serve() { # serve DIR LOG SECONDS READY COMMAND [ARGUMENT…]
  local dir=$1 log=$1/$2 deadline=$((SECONDS + $3)) ready=$4
  shift 4
  mkdir -p "$dir"
  setsid "$@" >"$log" 2>&1 </dev/null &
  printf '%s\n' $! >"$dir/pid"
  until "$ready"; do
    if ((SECONDS >= deadline)) || ! kill -0 "$(cat "$dir/pid")" 2>/dev/null; then
      echo "${0##*/}: the server did not answer; the last lines of $log:" >&2
      tail -n 20 "$log" >&2
      stop "$dir"
      exit 1
    fi
    sleep 0.1
  done
}

# Stops what serve has started.
stop() { # stop DIR
  local dir=$1
  [[ -e $dir/pid ]] || return 0
  kill "$(cat "$dir/pid")" 2>/dev/null || true
  rm -f "$dir/pid"
}
